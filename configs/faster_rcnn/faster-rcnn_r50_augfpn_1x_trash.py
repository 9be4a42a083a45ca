# Faster R-CNN with all of AugFPN, one line a part, ResNet-50, 12 epochs at 1024 px.
_base_ = "./faster-rcnn_r50_fpn_1x_trash.py"

model = dict(
    neck=dict(type="AugFPN"),  # residual feature augmentation; pool_ratios=() does without
    roi_head=dict(
        bbox_roi_extractor=dict(type="SoftRoIExtractor", roi_layer=dict(sampling_ratio=2)),
        consistent_supervision=dict(loss_weight=0.25),
    ),
)
