# DINO (arXiv 2203.03605): Deformable DETR whose queries start from the encoder's best boxes and which learns to undo
# noise on true ones. 900 queries, as in the paper, of which 300 are kept.
_base_ = "./deformable-detr_r50.py"

attention = dict(dropout=0.0)
ffn = dict(feedforward_channels=2048, ffn_drop=0.0)

model = dict(
    type="DINO",
    num_queries=900,
    with_box_refine=True,
    as_two_stage=True,
    encoder=dict(layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
    decoder=dict(layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn)),
    positional_encoding=dict(offset=0.0, temperature=20),
    bbox_head=dict(type="DINOHead", loss_cls=dict(loss_weight=1.0)),
    dn_cfg=dict(
        label_noise_scale=0.5,
        box_noise_scale=1.0,
        group_cfg=dict(dynamic=True, num_groups=None, num_dn_queries=100),
    ),
)
