# AugFPN ablation on two CPU cores: consistent supervision alone, of an AugFPN without ratios, which is an FPN.
_base_ = "../faster-rcnn_tiny.py"

model = dict(neck=dict(type="AugFPN", pool_ratios=()), roi_head=dict(consistent_supervision=dict(loss_weight=0.25)))
