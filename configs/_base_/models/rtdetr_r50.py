# RT-DETR (arXiv 2304.08069): DINO made fast, by convolutions across levels in place of deformable attention in the
# encoder. 300 queries, all of them kept.
_base_ = "./resnet50_fpn.py"

attention = dict(embed_dims=256, num_heads=8)
ffn = dict(embed_dims=256, feedforward_channels=1024)

model = dict(
    type="RTDETR",
    num_queries=300,
    data_preprocessor=dict(
        batch_augments=[
            dict(type="BatchSyncRandomResize", random_size_range=(480, 800), size_divisor=32, interval=10),
        ],
    ),
    backbone=dict(
        type="ResNetV1d",
        base_channels=64,
        out_indices=(1, 2, 3),
        frozen_stages=0,
        norm_cfg=dict(requires_grad=False),
        init_cfg=dict(
            checkpoint="https://download.openmmlab.com/mmclassification/v0/resnet/"
            "resnetv1d50_b32x8_imagenet_20210531-db14775a.pth",
            prefix="backbone.",
        ),
    ),
    neck=dict(
        _delete_=True,
        type="HybridEncoder",
        in_channels=[512, 1024, 2048],
        out_channels=256,
        feedforward_channels=1024,
    ),
    decoder=dict(
        num_layers=6,
        layer_cfg=dict(
            self_attn_cfg=attention,
            cross_attn_cfg=dict(attention, num_levels=3, dropout=0.0),
            ffn_cfg=ffn,
        ),
        post_norm_cfg=None,
    ),
    bbox_head=dict(
        type="DINOHead",
        num_classes=10,
        embed_dims=256,
        sync_cls_avg_factor=True,
        loss_cls=dict(type="IoUVarifocalLoss", alpha=0.75, gamma=2.0),
        loss_bbox=dict(type="L1Loss", loss_weight=5.0),
        loss_iou=dict(type="GIoULoss", loss_weight=2.0),
    ),
    dn_cfg=dict(label_noise_scale=0.5, box_noise_scale=1.0, group_cfg=dict(dynamic=True, num_dn_queries=100)),
    train_cfg=dict(
        assigner=dict(
            type="HungarianAssigner",
            match_costs=[
                dict(type="FocalLossCost", weight=2.0),
                dict(type="BBoxL1Cost", weight=5.0, box_format="xywh"),
                dict(type="IoUCost", iou_mode="giou", weight=2.0),
            ],
        )
    ),
    test_cfg=dict(max_per_img=300),
)
