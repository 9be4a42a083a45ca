# RetinaNet with squeeze and excitation in the blocks of ResNet-50's trained stages, 12 epochs at 1024 px.
_base_ = "./retinanet_r50_fpn_1x_trash.py"

model = dict(
    backbone=dict(plugins=[dict(cfg=dict(type="SELayer"), stages=(False, True, True, True), position="after_conv3")])
)
