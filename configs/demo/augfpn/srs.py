# AugFPN ablation on two CPU cores: soft RoI selection alone.
_base_ = "../faster-rcnn_tiny.py"

model = dict(roi_head=dict(bbox_roi_extractor=dict(type="SoftRoIExtractor")))
