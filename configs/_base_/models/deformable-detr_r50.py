# Deformable DETR (arXiv 2010.04159): each query looks at a few learned points of four levels instead of at every pixel.
_base_ = "./conditional-detr_r50.py"

deformable = dict(_delete_=True, embed_dims=256, num_levels=4, dropout=0.1, batch_first=True)
attention = dict(_delete_=True, embed_dims=256, num_heads=8, dropout=0.1, batch_first=True)
ffn = dict(_delete_=True, embed_dims=256, feedforward_channels=1024, ffn_drop=0.1)

model = dict(
    type="DeformableDETR",
    num_feature_levels=4,
    with_box_refine=False,
    as_two_stage=False,
    backbone=dict(out_indices=(1, 2, 3)),
    neck=dict(in_channels=[512, 1024, 2048], norm_cfg=dict(type="GN", num_groups=32), num_outs=4),
    encoder=dict(layer_cfg=dict(self_attn_cfg=deformable, ffn_cfg=ffn)),
    decoder=dict(
        layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=deformable, ffn_cfg=ffn),
        post_norm_cfg=None,
    ),
    positional_encoding=dict(offset=-0.5),
    bbox_head=dict(type="DeformableDETRHead", sync_cls_avg_factor=True),
)
