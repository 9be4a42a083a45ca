# DETR (arXiv 2005.12872): a transformer turns the coarsest map and a set of learned queries into a set of boxes; each
# object is matched to one query, and nothing is suppressed. 300 queries, all of them kept.
_base_ = "./resnet50_fpn.py"

attention = dict(embed_dims=256, num_heads=8, dropout=0.1, batch_first=True)
ffn = dict(embed_dims=256, feedforward_channels=2048, num_fcs=2, ffn_drop=0.1, act_cfg=dict(type="ReLU", inplace=True))

model = dict(
    type="DETR",
    num_queries=300,
    data_preprocessor=dict(pad_size_divisor=1),
    backbone=dict(out_indices=(3,), norm_cfg=dict(requires_grad=False)),
    neck=dict(
        _delete_=True,
        type="ChannelMapper",
        in_channels=[2048],
        kernel_size=1,
        out_channels=256,
        act_cfg=None,
        num_outs=1,
    ),
    encoder=dict(num_layers=6, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
    decoder=dict(
        num_layers=6,
        layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn),
        return_intermediate=True,
    ),
    positional_encoding=dict(num_feats=128, normalize=True),
    bbox_head=dict(
        type="DETRHead",
        num_classes=10,
        embed_dims=256,
        loss_cls=dict(type="CrossEntropyLoss", bg_cls_weight=0.1, use_sigmoid=False, loss_weight=1.0, class_weight=1.0),
        loss_bbox=dict(type="L1Loss", loss_weight=5.0),
        loss_iou=dict(type="GIoULoss", loss_weight=2.0),
    ),
    train_cfg=dict(
        assigner=dict(
            type="HungarianAssigner",
            match_costs=[
                dict(type="ClassificationCost", weight=1.0),
                dict(type="BBoxL1Cost", weight=5.0, box_format="xywh"),
                dict(type="IoUCost", iou_mode="giou", weight=2.0),
            ],
        )
    ),
    test_cfg=dict(max_per_img=300),
)
