# Swin-B (arXiv 2103.14030): attention in windows of 12 x 12, with the weights of ImageNet-22k; activations are computed
# again in the backward pass, which saves memory for time. To be used as Swin-T.
swin_b = dict(
    type="SwinTransformer",
    pretrain_img_size=384,
    embed_dims=128,
    depths=[2, 2, 18, 2],
    num_heads=[4, 8, 16, 32],
    window_size=12,
    drop_path_rate=0.3,
    with_cp=True,
    convert_weights=True,
    init_cfg=dict(
        type="Pretrained",
        checkpoint="https://github.com/SwinTransformer/storage/releases/download/v1.0.0/swin_base_patch4_window12_384_22k.pth",
    ),
)
swin_b_channels = [128, 256, 512, 1024]
