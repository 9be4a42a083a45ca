# DINO, ResNet-50, 36 epochs at 1024 px, all but the last six on mosaics of four images.
_base_ = [
    "../_base_/models/dino-4scale_r50.py",
    "../_base_/datasets/trash_mosaic.py",
    "../_base_/schedules/schedule_detr_36e.py",
    "../_base_/default_runtime.py",
]

train_dataloader = dict(batch_size=2)
default_hooks = dict(augmentation=dict(close=6))
