# ResNet-101 (arXiv 1512.03385) with ImageNet's weights: what differs from ResNet-50.
r101 = dict(
    depth=101,
    init_cfg=dict(checkpoint="https://download.pytorch.org/models/resnet101-63fe2227.pth"),
)
