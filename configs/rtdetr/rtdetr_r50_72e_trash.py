# RT-DETR, ResNet-50-D, 42.8 M parameters: 72 epochs at 640 px, all but the last 6 on mosaics; averaged weights.
_base_ = [
    "../_base_/models/rtdetr_r50.py",
    "../_base_/datasets/trash_mosaic_640.py",
    "../_base_/schedules/schedule_rtdetr_72e.py",
    "../_base_/ema.py",
    "../_base_/default_runtime.py",
]

train_dataloader = dict(batch_size=8)
default_hooks = dict(augmentation=dict(close=6))
