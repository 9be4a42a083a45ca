# AugFPN ablation on two CPU cores: all three parts.
_base_ = "./rfa.py"

model = dict(
    roi_head=dict(
        bbox_roi_extractor=dict(type="SoftRoIExtractor"),
        consistent_supervision=dict(loss_weight=0.25),
    ),
)
