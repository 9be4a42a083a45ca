# DDQ, Swin-L, 30 epochs at 480 to 1200 px: .681 on the leaderboard in public write-ups; for a large GPU.
_base_ = ["./ddq-4scale_r50_1x_trash.py", "../_base_/backbones/swin_l.py"]

model = dict(
    backbone=dict(_base_.swin_l, _delete_=True, out_indices=(1, 2, 3)),
    neck=dict(in_channels=_base_.swin_l_channels[1:]),
)

train_cfg = dict(max_epochs=30)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.05))))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=30, milestones=[20, 26], gamma=0.1),
]
