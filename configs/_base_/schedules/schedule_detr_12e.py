# The schedule of 12 epochs: divided by ten after the 11th.
_base_ = "./schedule_detr_50e.py"

train_cfg = dict(max_epochs=12)
param_scheduler = [dict(type="MultiStepLR", by_epoch=True, begin=0, end=12, milestones=[11], gamma=0.1)]
