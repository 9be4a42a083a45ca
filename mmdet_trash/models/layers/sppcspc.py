from collections.abc import Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn


class SPPCSPC(BaseModule):
    """Spatial pyramid pooling within a cross-stage partial block: one half of the channels sees far, the other passes.

    From `YOLOv7 <https://arxiv.org/abs/2207.02696>`_; the pooling is of `SPP <https://arxiv.org/abs/1406.4729>`_, the
    two halves of `CSPNet <https://arxiv.org/abs/1911.11929>`_.

    Args:
        in_channels: of the map.
        out_channels: of what comes out and of every layer within.
        kernel_sizes: of the pools, odd.
        tiny: without the three 3x3 and 1x1 convolutions around the pools, as YOLOv7-tiny has it.
        init_cfg: as for any module of MMEngine.
        **conv: `conv_cfg`, `norm_cfg` and `act_cfg` of every convolution.

    Example:
        >>> SPPCSPC(16, 8)(torch.zeros(1, 16, 6, 6)).shape
        torch.Size([1, 8, 6, 6])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_sizes: Sequence[int] = (5, 9, 13),
        tiny: bool = False,
        init_cfg: dict[str, Any] | None = None,
        **conv: Any,
    ) -> None:
        super().__init__(init_cfg)
        kernels = (1,) if tiny else (1, 3, 1)
        self.short_conv = ConvModule(in_channels, out_channels, 1, **conv)
        self.before = nn.Sequential(*_chain(in_channels, out_channels, kernels, conv))
        self.pools = ModuleList(nn.MaxPool2d(size, stride=1, padding=size // 2) for size in kernel_sizes)
        after = (1,) if tiny else (1, 3)
        self.after = nn.Sequential(*_chain((len(kernel_sizes) + 1) * out_channels, out_channels, after, conv))
        self.final_conv = ConvModule(2 * out_channels, out_channels, 1, **conv)
        # The one difference in order: tiny joins the pooled maps from the widest pool on.
        self.widest_first = tiny

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into (N, out_channels, H, W)."""
        main = self.before(x)
        maps = [main, *(pool(main) for pool in self.pools)]
        main = self.after(torch.cat(maps[::-1] if self.widest_first else maps, 1))
        return self.final_conv(torch.cat([main, self.short_conv(x)], 1))


def _chain(in_channels: int, channels: int, kernels: Sequence[int], conv: dict[str, Any]) -> list[ConvModule]:
    widths = [in_channels, *[channels] * len(kernels)]
    return [
        ConvModule(width, channels, kernel, padding=kernel // 2, **conv)
        for width, kernel in zip(widths, kernels, strict=False)
    ]
