from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn


class ImplicitConv(BaseModule):
    """A 1x1 convolution with implicit knowledge: vectors that are learnt, added to what goes in and multiplied out.

    `m * (W (x + a) + b)`, where a begins near 0 and m near 1. :meth:`switch_to_deploy` folds both into the convolution.
    From `YOLOR <https://arxiv.org/abs/2105.04206>`_, as `YOLOv7 <https://arxiv.org/abs/2207.02696>`_ uses it.

    Args:
        in_channels: of the map.
        out_channels: of what comes out.
        init_cfg: as for any module of MMEngine.

    Example:
        >>> ImplicitConv(4, 8)(torch.zeros(1, 4, 5, 5)).shape
        torch.Size([1, 8, 5, 5])
    """

    def __init__(self, in_channels: int, out_channels: int, init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(in_channels, out_channels, 1)
        self.added = nn.Parameter(0.02 * torch.randn(1, in_channels, 1, 1))
        self.multiplied = nn.Parameter(1 + 0.02 * torch.randn(1, out_channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into (N, out_channels, H, W)."""
        if self.added is None:
            return self.conv(x)
        return self.multiplied * self.conv(x + self.added)

    @torch.no_grad()
    def switch_to_deploy(self) -> None:
        """Fold the implicit knowledge into the convolution, for inference; nothing happens the second time."""
        if self.added is None:
            return
        self.conv.bias += self.conv.weight[:, :, 0, 0] @ self.added.flatten()
        self.conv.bias *= self.multiplied.flatten()
        self.conv.weight *= self.multiplied.reshape(-1, 1, 1, 1)
        self.added = self.multiplied = None
