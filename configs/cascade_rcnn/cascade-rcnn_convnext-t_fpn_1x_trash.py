# Cascade R-CNN, ConvNeXt-T, 12 epochs at 1024 px by AdamW. Needs transformers: pip install "mmdet-trash[transformers]".
_base_ = [
    "../_base_/models/cascade-rcnn_r50_fpn.py",
    "../_base_/backbones/convnext_t.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_adamw_1x.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=dict(_base_.convnext_t, _delete_=True),
    neck=dict(in_channels=_base_.convnext_t_channels),
)
