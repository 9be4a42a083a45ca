# ATSS on Swin-L with DyHead (arXiv 2106.08322), which attends to scale, place and task. Details as in DyHead's release,
# so that weights trained on COCO fit: random offsets, cells' centres, 1x1 predictions.
_base_ = ["./atss_r50_fpn.py", "../backbones/swin_l.py"]

model = dict(
    backbone=dict(_base_.swin_l, _delete_=True, out_indices=(1, 2, 3)),
    neck=[
        dict(_base_.model.neck, in_channels=_base_.swin_l_channels[1:], start_level=0),
        dict(type="DyHead", in_channels=256, out_channels=256, num_blocks=6, zero_init_offset=False),
    ],
    bbox_head=dict(stacked_convs=0, pred_kernel_size=1, anchor_generator=dict(center_offset=0.5)),
)
