# YOLOv3 with Darknet-53, 61.6 M parameters: 300 epochs at 1024 px, all but the last 15 on mosaics; averaged weights.
_base_ = [
    "../_base_/models/yolov3.py",
    "../_base_/datasets/trash_mosaic.py",
    "../_base_/schedules/schedule_yolov3_300e.py",
    "../_base_/ema.py",
    "../_base_/default_runtime.py",
]

train_dataloader = dict(batch_size=8)
default_hooks = dict(augmentation=dict(close=15))
