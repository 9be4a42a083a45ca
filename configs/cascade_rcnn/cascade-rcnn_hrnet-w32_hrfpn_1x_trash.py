# Cascade R-CNN, HRNet-W32, 74.7 M parameters: a backbone that keeps fine maps throughout, 12 epochs at 1024 px.
_base_ = ["./cascade-rcnn_r50_fpn_1x_trash.py", "../_base_/backbones/hrnet_w32.py"]

model = dict(
    backbone=dict(_base_.hrnet_w32, _delete_=True),
    neck=dict(_delete_=True, type="HRFPN", in_channels=_base_.hrnet_w32_channels, out_channels=256),
)
