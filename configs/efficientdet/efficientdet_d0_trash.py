# EfficientDet-D0, 3.8 M parameters: 300 epochs at 512 px; averaged weights.
_base_ = [
    "../_base_/models/efficientdet.py",
    "../_base_/datasets/trash_512.py",
    "../_base_/schedules/schedule_efficientdet_300e.py",
    "../_base_/ema.py",
    "../_base_/default_runtime.py",
]

model = _base_.scaling.d0
train_dataloader = dict(batch_size=16)
