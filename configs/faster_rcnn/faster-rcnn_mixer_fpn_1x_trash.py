# Faster R-CNN on perceptrons alone, MLP-Mixer in windows, 12 epochs at 1024 px by AdamW: no initial weights exist.
_base_ = [
    "../_base_/models/faster-rcnn_r50_fpn.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_adamw_1x.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=dict(_delete_=True, type="MLPMixer", embed_dims=[96, 192, 384, 768], depths=[2, 2, 6, 2]),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
