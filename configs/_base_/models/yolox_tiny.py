# YOLOX-tiny: three quarters of YOLOX-s's width. 5.0 M parameters.
_base_ = "./yolox.py"

model = dict(
    backbone=dict(widen_factor=0.375),
    neck=dict(in_channels=[96, 192, 384], out_channels=96),
    bbox_head=dict(in_channels=96, feat_channels=96),
)
