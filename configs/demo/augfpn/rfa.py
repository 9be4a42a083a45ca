# AugFPN ablation on two CPU cores: residual feature augmentation alone, three ratios.
_base_ = "../faster-rcnn_tiny.py"

model = dict(neck=dict(type="AugFPN"))
