# YOLOv7-tiny, 6.0 M parameters: 300 epochs at 1024 px, all but the last 15 on mosaics; averaged weights.
_base_ = [
    "../_base_/models/yolov7_tiny.py",
    "../_base_/datasets/trash_mosaic.py",
    "../_base_/schedules/schedule_yolov7_300e.py",
    "../_base_/ema.py",
    "../_base_/default_runtime.py",
]

model = dict(bbox_head=dict(img_size=1024))
train_dataloader = dict(batch_size=16)
default_hooks = dict(augmentation=dict(close=15))
