# HRNet-W32 (arXiv 1908.07919): four resolutions side by side, with ImageNet's weights. To be used as Swin-T.
hrnet_w32 = dict(
    type="HRNet",
    extra=dict(
        stage1=dict(num_modules=1, num_branches=1, block="BOTTLENECK", num_blocks=(4,), num_channels=(64,)),
        stage2=dict(num_modules=1, num_branches=2, block="BASIC", num_blocks=(4,) * 2, num_channels=(32, 64)),
        stage3=dict(num_modules=4, num_branches=3, block="BASIC", num_blocks=(4,) * 3, num_channels=(32, 64, 128)),
        stage4=dict(num_modules=3, num_branches=4, block="BASIC", num_blocks=(4,) * 4, num_channels=(32, 64, 128, 256)),
    ),
    norm_eval=True,
    init_cfg=dict(
        type="Pretrained",
        checkpoint="https://download.openmmlab.com/pretrain/third_party/hrnetv2_w32-dc9eeb4f.pth",
    ),
)
hrnet_w32_channels = [32, 64, 128, 256]
