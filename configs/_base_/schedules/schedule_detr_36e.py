# The schedule of 36 epochs: divided by ten after the 30th.
_base_ = "./schedule_detr_50e.py"

train_cfg = dict(max_epochs=36)
param_scheduler = [dict(type="MultiStepLR", by_epoch=True, begin=0, end=36, milestones=[30], gamma=0.1)]
