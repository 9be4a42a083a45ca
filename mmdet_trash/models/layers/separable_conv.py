from torch import nn


class SeparableConv(nn.Sequential):
    """A convolution of each channel by itself, then a 1x1 convolution over the channels.

    From `MobileNets <https://arxiv.org/abs/1704.04861>`_, without the norm and activation that they have in between.

    Args:
        in_channels: of the map.
        out_channels: of what comes out.
        kernel_size: of the first, odd.
        bias: whether the second adds one.

    Example:
        >>> SeparableConv(4, 8)(torch.zeros(1, 4, 5, 5)).shape
        torch.Size([1, 8, 5, 5])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, bias: bool = False) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, kernel_size, padding=kernel_size // 2, groups=in_channels, bias=False
        )
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)
