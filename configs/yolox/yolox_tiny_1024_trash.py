# YOLOX-tiny, 5.0 M parameters: 300 epochs at 1024 px, all but the last 15 on mosaics; averaged weights.
_base_ = [
    "../_base_/models/yolox_tiny.py",
    "../_base_/datasets/trash_mosaic.py",
    "../_base_/schedules/schedule_yolo_300e.py",
    "../_base_/ema.py",
    "../_base_/default_runtime.py",
]

model = dict(
    data_preprocessor=dict(
        batch_augments=[dict(type="BatchSyncRandomResize", random_size_range=(640, 1024), size_divisor=32, interval=10)]
    )
)
train_dataloader = dict(batch_size=16)
default_hooks = dict(augmentation=dict(close=15))
