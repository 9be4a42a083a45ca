# Cascade R-CNN, Swin-B, 132.1 M parameters: 12 epochs of AdamW at 1024 px; .667 on the leaderboard in public write-ups.
_base_ = [
    "../_base_/models/cascade-rcnn_r50_fpn.py",
    "../_base_/backbones/swin_b.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_adamw_1x.py",
    "../_base_/default_runtime.py",
]

model = dict(
    backbone=dict(_base_.swin_b, _delete_=True),
    neck=dict(in_channels=_base_.swin_b_channels),
)
train_dataloader = dict(batch_size=2)
