from collections.abc import Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.registry import MODELS


@MODELS.register_module()
class SPP(BaseModule):
    """Spatial pyramid pooling: a map beside its maxima in ever wider windows, joined by a 1x1 convolution.

    `SPP <https://arxiv.org/abs/1406.4729>`_ as YOLOv3-SPP has it, at every place of a map. A window's maxima are taken
    of those of the one before, which gives the same for less.

    Args:
        in_channels: of the map.
        out_channels: of what comes out, as many unless given.
        kernel_sizes: of the windows, odd and rising.
        norm_cfg: after the convolution.
        act_cfg: after that.
        init_cfg: as for any module of MMEngine.

    Example:
        >>> SPP(16)(torch.zeros(1, 16, 6, 6)).shape
        torch.Size([1, 16, 6, 6])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        kernel_sizes: Sequence[int] = (5, 9, 13),
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.kernel_sizes = tuple(kernel_sizes)
        channels = (len(kernel_sizes) + 1) * in_channels
        self.conv = ConvModule(
            channels, out_channels or in_channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg or {"type": "ReLU"}
        )

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into (N, out_channels, H, W)."""
        return self.conv(torch.cat(pyramid_of_maxima(x, self.kernel_sizes), 1))


def pyramid_of_maxima(x: Tensor, kernel_sizes: Sequence[int]) -> list[Tensor]:
    """A map (N, C, H, W), then its maxima in windows of each size, odd and rising, around every place."""
    maps, before = [x], 1
    for size in kernel_sizes:
        step = size - before + 1
        maps.append(F.max_pool2d(maps[-1], step, stride=1, padding=step // 2))
        before = size
    return maps
