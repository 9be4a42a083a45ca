# AugFPN ablation on two CPU cores: residual feature augmentation alone, with the paper's three ratios.
_base_ = "../faster-rcnn_tiny.py"

model = dict(neck=dict(type="AugFPN"))
