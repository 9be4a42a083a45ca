# Cascade R-CNN, Swin-L, from ImageNet's weights, 12 epochs at 480 to 1200 px; not trained here.
_base_ = [
    "../../_base_/models/cascade-rcnn_swin-l_fpn.py",
    "../../_base_/datasets/trash_multiscale.py",
    "../../_base_/schedules/schedule_adamw_1x.py",
    "../../_base_/default_runtime.py",
]
