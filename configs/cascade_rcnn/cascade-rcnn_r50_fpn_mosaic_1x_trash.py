# Cascade R-CNN, ResNet-50, 12 epochs at 1024 px, all but the last two on mosaics of four images.
_base_ = [
    "../_base_/models/cascade-rcnn_r50_fpn.py",
    "../_base_/datasets/trash_mosaic.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

default_hooks = dict(augmentation=dict(close=2))
