# ATSS with DyHead, ResNet-50, 38.9 M parameters: attention to scale, place and task, 12 epochs at 1024 px.
_base_ = "./atss_r50_fpn_1x_trash.py"

model = dict(
    neck=[_base_.model.neck, dict(type="DyHead", in_channels=256, out_channels=256, num_blocks=6)],
    bbox_head=dict(stacked_convs=0),
)
