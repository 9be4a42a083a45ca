# ATSS with DyHead, Swin-L, 210.3 M parameters: 12 epochs of AdamW at 1024 px. From COCO's weights and at 480 to 1200
# px, it made .716 on the leaderboard in public write-ups.
_base_ = [
    "../_base_/models/atss_swin-l_dyhead.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_adamw_1x.py",
    "../_base_/default_runtime.py",
]

train_dataloader = dict(batch_size=2)
optim_wrapper = dict(optimizer=dict(lr=5e-5))
