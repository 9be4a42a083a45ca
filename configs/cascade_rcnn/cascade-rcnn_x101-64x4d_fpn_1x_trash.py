# Cascade R-CNN, ResNeXt-101 64x4d, 127.1 M parameters: a larger backbone of convolutions, 12 epochs at 1024 px.
_base_ = ["./cascade-rcnn_r50_fpn_1x_trash.py", "../_base_/backbones/x101_64x4d.py"]

model = dict(backbone=_base_.x101_64x4d)
train_dataloader = dict(batch_size=2)
