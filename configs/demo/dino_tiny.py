# DINO for two CPU cores: ResNet-18 of half width, three levels of 96 channels, 256 px; half an hour on 1,000 images.
_base_ = [
    "../_base_/models/dino-4scale_r50.py",
    "../_base_/datasets/trash_256.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

max_epochs = 24
channels = 96

attention = dict(embed_dims=channels, num_heads=4)
deformable = dict(embed_dims=channels, num_heads=4, num_levels=3)
ffn = dict(embed_dims=channels, feedforward_channels=256)

model = dict(
    num_queries=100,
    num_feature_levels=3,
    backbone=dict(
        depth=18,
        base_channels=32,
        frozen_stages=-1,
        norm_eval=False,
        norm_cfg=dict(requires_grad=True),
        init_cfg=None,
    ),
    neck=dict(in_channels=[64, 128, 256], out_channels=channels, num_outs=3),
    encoder=dict(num_layers=2, layer_cfg=dict(self_attn_cfg=deformable, ffn_cfg=ffn)),
    decoder=dict(
        num_layers=3,
        layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=deformable, ffn_cfg=ffn),
    ),
    positional_encoding=dict(num_feats=channels // 2),
    bbox_head=dict(embed_dims=channels),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=40)),
    test_cfg=dict(max_per_img=100),
)

train_dataloader = dict(batch_size=4)

train_cfg = dict(max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr=5e-4, weight_decay=1e-4),
    clip_grad=dict(max_norm=0.1),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", eta_min_ratio=0.02, T_max=max_epochs, end=max_epochs, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(logger=dict(interval=10))
