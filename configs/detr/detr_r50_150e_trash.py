# DETR, ResNet-50, 150 epochs at 480 to 1200 px: the first of its kind, slow to learn; for comparison.
_base_ = [
    "../_base_/models/detr_r50.py",
    "../_base_/datasets/trash_multiscale.py",
    "../_base_/schedules/schedule_detr_150e.py",
    "../_base_/default_runtime.py",
]
