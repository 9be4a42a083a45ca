# Cascade R-CNN, Swin-L, 240.6 M parameters: 12 epochs of AdamW at 1024 px; .666 on the leaderboard in public write-ups.
_base_ = [
    "../_base_/models/cascade-rcnn_swin-l_fpn.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_adamw_1x.py",
    "../_base_/default_runtime.py",
]

train_dataloader = dict(batch_size=2)
