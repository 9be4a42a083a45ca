# Swin-L (arXiv 2103.14030): attention in windows of 12 x 12, with the weights of ImageNet-22k; activations are computed
# again in the backward pass, which saves memory for time. To be used as Swin-T.
swin_l = dict(
    type="SwinTransformer",
    pretrain_img_size=384,
    embed_dims=192,
    depths=[2, 2, 18, 2],
    num_heads=[6, 12, 24, 48],
    window_size=12,
    drop_path_rate=0.2,
    with_cp=True,
    convert_weights=True,
    init_cfg=dict(
        type="Pretrained",
        checkpoint="https://github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_large_patch4_window12_384_22k.pth",
    ),
)
swin_l_channels = [192, 384, 768, 1536]
