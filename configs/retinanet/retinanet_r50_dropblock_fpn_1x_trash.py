# RetinaNet with blocks of ResNet-50's last two stages dropped in training, 12 epochs at 1024 px.
_base_ = "./retinanet_r50_fpn_1x_trash.py"

dropblock = dict(type="DropBlock", drop_prob=0.1, block_size=3)
model = dict(backbone=dict(plugins=[dict(cfg=dropblock, stages=(False, False, True, True), position="after_conv3")]))
