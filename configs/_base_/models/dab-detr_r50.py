# DAB-DETR (arXiv 2201.12329): queries are boxes that each layer of the decoder corrects; no dropout.
_base_ = "./conditional-detr_r50.py"

attention = dict(attn_drop=0.0, proj_drop=0.0)
ffn = dict(ffn_drop=0.0, act_cfg=dict(_delete_=True, type="PReLU"))

model = dict(
    type="DABDETR",
    with_random_refpoints=False,
    num_patterns=0,
    encoder=dict(layer_cfg=dict(self_attn_cfg=dict(dropout=0.0), ffn_cfg=ffn)),
    decoder=dict(
        query_dim=4,
        query_scale_type="cond_elewise",
        with_modulated_hw_attn=True,
        layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn),
    ),
    positional_encoding=dict(temperature=20),
    bbox_head=dict(type="DABDETRHead", loss_cls=dict(loss_weight=1.0)),
)
