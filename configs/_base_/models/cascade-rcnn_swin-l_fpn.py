# Cascade R-CNN on Swin-L.
_base_ = ["./cascade-rcnn_r50_fpn.py", "../backbones/swin_l.py"]

model = dict(
    backbone=dict(_base_.swin_l, _delete_=True),
    neck=dict(in_channels=_base_.swin_l_channels),
)
