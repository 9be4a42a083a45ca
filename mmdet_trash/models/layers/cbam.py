from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_trash.registry import MODELS


@MODELS.register_module()
class CBAM(BaseModule):
    """Weigh a map's channels, then its places.

    From `CBAM: Convolutional Block Attention Module <https://arxiv.org/abs/1807.06521>`_, equations 2 and 3.

    Args:
        in_channels: of the map.
        ratio: how many times fewer channels there are between the two layers that weigh channels.
        kernel_size: of the convolution that weighs places, odd.
        init_cfg: as for any module of MMEngine.

    Example:
        >>> CBAM(32)(torch.zeros(1, 32, 5, 5)).shape
        torch.Size([1, 32, 5, 5])
    """

    def __init__(
        self, in_channels: int, ratio: int = 16, kernel_size: int = 7, init_cfg: dict[str, Any] | None = None
    ) -> None:
        super().__init__(init_cfg)
        inner = max(1, in_channels // ratio)
        self.channels = nn.Sequential(
            nn.Conv2d(in_channels, inner, 1, bias=False), nn.ReLU(), nn.Conv2d(inner, in_channels, 1, bias=False)
        )
        self.places = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into a map of that shape."""
        mean, maximum = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        x = x * (self.channels(mean) + self.channels(maximum)).sigmoid()
        pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * self.places(pooled).sigmoid()
