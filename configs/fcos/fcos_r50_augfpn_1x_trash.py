# FCOS with AugFPN, one line a part, ResNet-50, 12 epochs at 1024 px.
_base_ = "./fcos_r50_fpn_1x_trash.py"

model = dict(
    neck=dict(type="AugFPN", rfa_to_extra=True),  # residual feature augmentation; pool_ratios=() does without
    bbox_head=dict(consistent_supervision=dict(loss_weight=0.25)),
)
