# ATSS with AugFPN, ResNet-50, 12 epochs at 1024 px. Each line works without the other.
_base_ = "./atss_r50_fpn_1x_trash.py"

model = dict(
    neck=dict(type="AugFPN", rfa_to_extra=True),
    bbox_head=dict(consistent_supervision=dict(loss_weight=0.25)),
)
