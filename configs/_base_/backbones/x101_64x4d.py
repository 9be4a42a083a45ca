# ResNeXt-101 (arXiv 1611.05431), 64 groups of 4 channels, with ImageNet's weights: what differs from ResNet-50.
x101_64x4d = dict(
    type="ResNeXt",
    depth=101,
    groups=64,
    base_width=4,
    init_cfg=dict(checkpoint="https://download.openmmlab.com/pretrain/third_party/resnext101_64x4d-ee2c6f71.pth"),
)
