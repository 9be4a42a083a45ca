# Cascade R-CNN, ResNet-50, path aggregation (a pyramid down and up), 72.7 M parameters: 12 epochs at 1024 px.
_base_ = "./cascade-rcnn_r50_fpn_1x_trash.py"

model = dict(neck=dict(type="PAFPN"))
