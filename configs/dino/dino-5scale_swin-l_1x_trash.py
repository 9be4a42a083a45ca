# DINO on five levels, Swin-L, 12 epochs at 480 to 1200 px: .717 on the leaderboard in public write-ups; large GPUs.
_base_ = ["./dino-4scale_r50_1x_trash.py", "../_base_/backbones/swin_l.py"]

attention = dict(num_levels=5)

model = dict(
    num_feature_levels=5,
    backbone=dict(_base_.swin_l, _delete_=True),
    neck=dict(in_channels=_base_.swin_l_channels, num_outs=5),
    encoder=dict(layer_cfg=dict(self_attn_cfg=attention)),
    decoder=dict(layer_cfg=dict(cross_attn_cfg=attention)),
)
