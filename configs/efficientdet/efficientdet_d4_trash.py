# EfficientDet-D4, 20.5 M parameters: 300 epochs at 1024 px; averaged weights.
_base_ = [
    "../_base_/models/efficientdet.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_efficientdet_300e.py",
    "../_base_/ema.py",
    "../_base_/default_runtime.py",
]

model = _base_.scaling.d4
train_dataloader = dict(batch_size=4)
