# Conditional DETR, ResNet-50, 50 epochs at 480 to 1200 px: a third of DETR's epochs.
_base_ = [
    "../_base_/models/conditional-detr_r50.py",
    "../_base_/datasets/trash_multiscale.py",
    "../_base_/schedules/schedule_detr_50e.py",
    "../_base_/default_runtime.py",
]
