# Faster R-CNN, ResNet-50, path aggregation (a pyramid down and up), 44.9 M parameters: 12 epochs at 1024 px.
_base_ = "./faster-rcnn_r50_fpn_1x_trash.py"

model = dict(neck=dict(type="PAFPN"))
