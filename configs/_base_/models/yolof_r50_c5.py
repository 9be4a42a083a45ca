# YOLOF (arXiv 2103.09460): one level, of stride 32, which dilated convolutions let see objects of every size.
_base_ = "./retinanet_r50_fpn.py"

model = dict(
    type="YOLOF",
    backbone=dict(out_indices=(3,)),
    neck=dict(
        _delete_=True,
        type="DilatedEncoder",
        in_channels=2048,
        out_channels=512,
        block_mid_channels=128,
        num_residual_blocks=4,
        block_dilations=[2, 4, 6, 8],
    ),
    bbox_head=dict(
        _delete_=True,
        type="YOLOFHead",
        num_classes=10,
        in_channels=512,
        reg_decoded_bbox=True,
        anchor_generator=dict(type="AnchorGenerator", ratios=[1.0], scales=[1, 2, 4, 8, 16], strides=[32]),
        bbox_coder=dict(_base_.model.bbox_head.bbox_coder, add_ctr_clamp=True, ctr_clamp=32),
        loss_cls=_base_.model.bbox_head.loss_cls,
        loss_bbox=dict(type="GIoULoss", loss_weight=1.0),
    ),
    # Each object has as many positives, whatever its size.
    train_cfg=dict(assigner=dict(_delete_=True, type="UniformAssigner", pos_ignore_thr=0.15, neg_ignore_thr=0.7)),
)
