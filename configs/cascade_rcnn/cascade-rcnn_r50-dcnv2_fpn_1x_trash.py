# Cascade R-CNN, ResNet-50 with deformable convolutions, 70.1 M parameters: 12 epochs at 1024 px.
_base_ = ["./cascade-rcnn_r50_fpn_1x_trash.py", "../_base_/backbones/r50_dcnv2.py"]

model = dict(backbone=_base_.r50_dcnv2)
