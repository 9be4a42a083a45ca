# 12 epochs of AdamW, as transformers and their like train. Norms, tables of positions and layer scales do not decay.
_base_ = "./schedule_1x.py"

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr=1e-4, weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={
            name: dict(decay_mult=0.0)
            for name in ("absolute_pos_embed", "position_embeddings", "relative_position_bias_table", "layer_scale")
        },
    ),
)
