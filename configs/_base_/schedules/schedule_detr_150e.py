# The schedule of 150 epochs: divided by ten after the 100th.
_base_ = "./schedule_detr_50e.py"

train_cfg = dict(max_epochs=150)
param_scheduler = [dict(type="MultiStepLR", by_epoch=True, begin=0, end=150, milestones=[100], gamma=0.1)]
