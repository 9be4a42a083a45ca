# The tiny cascade for two CPU cores with all of AugFPN; half as long again to train as its base.
_base_ = "./cascade-rcnn_tiny.py"

model = dict(
    neck=dict(type="AugFPN"),
    roi_head=dict(
        bbox_roi_extractor=dict(type="SoftRoIExtractor"),
        consistent_supervision=dict(loss_weight=0.25),
    ),
)
