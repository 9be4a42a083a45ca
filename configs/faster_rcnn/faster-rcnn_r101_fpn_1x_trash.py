# Faster R-CNN, ResNet-101, 60.4 M parameters: 12 epochs at 1024 px; .468 on the leaderboard in public write-ups.
_base_ = ["./faster-rcnn_r50_fpn_1x_trash.py", "../_base_/backbones/r101.py"]

model = dict(backbone=_base_.r101)
