# YOLOv7-tiny: LeakyReLU, shorter ELANs, plain convolutions before the head. 6.0 M parameters.
_base_ = "./yolov7.py"

model = dict(
    backbone=dict(arch="tiny"),
    neck=dict(arch="tiny", in_channels=[128, 256, 512], out_channels=[128, 256, 512]),
    bbox_head=dict(
        in_channels=[128, 256, 512],
        anchors=[
            [(10, 13), (16, 30), (33, 23)],
            [(30, 61), (62, 45), (59, 119)],
            [(116, 90), (156, 198), (373, 326)],
        ],
    ),
)
