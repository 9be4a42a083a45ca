# Conditional DETR (arXiv 2108.06152): a query's place and its content are attended to apart, which learns in a third of
# the epochs; classes by focal loss.
_base_ = "./detr_r50.py"

attention = dict(_delete_=True, embed_dims=256, num_heads=8, attn_drop=0.1)

model = dict(
    type="ConditionalDETR",
    decoder=dict(
        layer_cfg=dict(
            self_attn_cfg=dict(attention, cross_attn=False),
            cross_attn_cfg=dict(attention, cross_attn=True),
        )
    ),
    bbox_head=dict(
        type="ConditionalDETRHead",
        loss_cls=dict(_delete_=True, type="FocalLoss", use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=2.0),
    ),
    train_cfg=dict(
        assigner=dict(
            match_costs=[
                dict(type="FocalLossCost", weight=2.0),
                *_base_.model.train_cfg.assigner.match_costs[1:],
            ]
        )
    ),
)
