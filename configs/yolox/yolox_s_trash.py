# YOLOX-s, 8.9 M parameters: 300 epochs at 640 px, all but the last 15 on mosaics; averaged weights.
_base_ = [
    "../_base_/models/yolox.py",
    "../_base_/datasets/trash_mosaic_640.py",
    "../_base_/schedules/schedule_yolo_300e.py",
    "../_base_/ema.py",
    "../_base_/default_runtime.py",
]

train_dataloader = dict(batch_size=32)
default_hooks = dict(augmentation=dict(close=15))
