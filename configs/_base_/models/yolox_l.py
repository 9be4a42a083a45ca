# YOLOX-l: twice YOLOX-s's width, three times its depth. 54.2 M parameters.
_base_ = "./yolox.py"

model = dict(
    backbone=dict(deepen_factor=1.0, widen_factor=1.0),
    neck=dict(in_channels=[256, 512, 1024], out_channels=256, num_csp_blocks=3),
    bbox_head=dict(in_channels=256, feat_channels=256),
)
