# Deformable DETR with refined boxes and two stages, Swin-L, 50 epochs at 480 to 1200 px: for a large GPU.
_base_ = ["./deformable-detr_r50_refine-twostage_50e_trash.py", "../_base_/backbones/swin_l.py"]

model = dict(
    backbone=dict(_base_.swin_l, _delete_=True, out_indices=(1, 2, 3)),
    neck=dict(in_channels=_base_.swin_l_channels[1:]),
)
