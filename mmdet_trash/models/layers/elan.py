from itertools import pairwise
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList, Sequential
from torch import Tensor, nn


class ELAN(BaseModule):
    """Efficient layer aggregation: a chain of convolutions, all of whose stages are joined at its end.

    The shortest path through it has two convolutions, the longest `2 + num_blocks * convs_per_block`. With
    `block_channels` below `mid_channels` and more blocks it is the one of YOLOv7's neck. From `YOLOv7
    <https://arxiv.org/abs/2207.02696>`_, figure 2c.

    Args:
        in_channels: of the map.
        out_channels: of what comes out.
        mid_channels: of the two 1x1 convolutions at its beginning.
        block_channels: of each 3x3 convolution, as `mid_channels` unless given.
        num_blocks: stages of the chain.
        convs_per_block: 3x3 convolutions of a stage.
        init_cfg: as for any module of MMEngine.
        **conv: `conv_cfg`, `norm_cfg` and `act_cfg` of every convolution.

    Example:
        >>> ELAN(64, 256, 64, num_blocks=2, convs_per_block=2)(torch.zeros(1, 64, 8, 8)).shape
        torch.Size([1, 256, 8, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        mid_channels: int,
        block_channels: int | None = None,
        num_blocks: int = 2,
        convs_per_block: int = 1,
        init_cfg: dict[str, Any] | None = None,
        **conv: Any,
    ) -> None:
        super().__init__(init_cfg)
        channels = block_channels or mid_channels
        self.short_conv = ConvModule(in_channels, mid_channels, 1, **conv)
        self.main_conv = ConvModule(in_channels, mid_channels, 1, **conv)
        self.blocks = ModuleList()
        for block in range(num_blocks):
            widths = [channels if block else mid_channels, *[channels] * convs_per_block]
            self.blocks.append(Sequential(*(ConvModule(a, b, 3, padding=1, **conv) for a, b in pairwise(widths))))
        self.final_conv = ConvModule(2 * mid_channels + num_blocks * channels, out_channels, 1, **conv)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into (N, out_channels, H, W)."""
        stages = [self.short_conv(x), self.main_conv(x)]
        for block in self.blocks:
            stages.append(block(stages[-1]))
        return self.final_conv(torch.cat(stages[::-1], 1))


class MaxPoolAndConv(BaseModule):
    """Halves a map twice, by its maxima and by a convolution, and joins the two: YOLOv7's way to lose little.

    Args:
        in_channels: of the map.
        out_channels: of what comes out, half of them of each way.
        init_cfg: as for any module of MMEngine.
        **conv: `conv_cfg`, `norm_cfg` and `act_cfg` of every convolution.

    Example:
        >>> MaxPoolAndConv(8, 16)(torch.zeros(1, 8, 6, 6)).shape
        torch.Size([1, 16, 3, 3])
    """

    def __init__(
        self, in_channels: int, out_channels: int, init_cfg: dict[str, Any] | None = None, **conv: Any
    ) -> None:
        super().__init__(init_cfg)
        half = out_channels // 2
        self.maxpool = nn.Sequential(nn.MaxPool2d(2), ConvModule(in_channels, half, 1, **conv))
        self.conv = Sequential(
            ConvModule(in_channels, half, 1, **conv), ConvModule(half, half, 3, stride=2, padding=1, **conv)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W), of even sides, into (N, out_channels, H / 2, W / 2)."""
        return torch.cat([self.conv(x), self.maxpool(x)], 1)
