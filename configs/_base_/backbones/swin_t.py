# Swin-T (arXiv 2103.14030): attention in windows of 7 x 7, with the weights of ImageNet-1k. In place of another:
# model = dict(backbone=dict(_base_.swin_t, _delete_=True), neck=dict(in_channels=_base_.swin_t_channels))
swin_t = dict(
    type="SwinTransformer",
    embed_dims=96,
    depths=[2, 2, 6, 2],
    num_heads=[3, 6, 12, 24],
    window_size=7,
    drop_path_rate=0.2,
    convert_weights=True,
    init_cfg=dict(
        type="Pretrained",
        checkpoint="https://github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_tiny_patch4_window7_224.pth",
    ),
)
swin_t_channels = [96, 192, 384, 768]
