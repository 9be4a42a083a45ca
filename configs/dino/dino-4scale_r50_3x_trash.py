# DINO, ResNet-50, 36 epochs at 480 to 1200 px.
_base_ = [
    "../_base_/models/dino-4scale_r50.py",
    "../_base_/datasets/trash_multiscale.py",
    "../_base_/schedules/schedule_detr_36e.py",
    "../_base_/default_runtime.py",
]
