# M2Det's neck, eight pyramids in one, on ResNet-50 under RetinaNet's losses, 12 epochs at 1024 px.
_base_ = "../retinanet/retinanet_r50_fpn_1x_trash.py"

model = dict(
    backbone=dict(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(1, 2)),
    neck=dict(_delete_=True, type="MLFPN", in_channels=[512, 1024], out_channels=1024, num_outs=6, feat_channels=256),
    bbox_head=dict(
        in_channels=1024,
        stacked_convs=0,
        anchor_generator=dict(strides=[8, 16, 32, 64, 128, 256]),
    ),
)
