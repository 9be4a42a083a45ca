from collections.abc import Sequence

import torch
from mmdet.utils import OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_trash.models.layers.adaptive_spatial_fusion import XAVIER


class AdaptiveChannelFusion(BaseModule):
    """Weigh several maps channel by channel and sum them.

    From `AugFPN <https://arxiv.org/abs/1912.05384>`_, section 3.4: each map's global maxima go together through two
    1x1 convolutions with a ReLU between them, and a sigmoid. :class:`AdaptiveSpatialFusion` does better there.

    Args:
        channels: of each map and of the result.
        num_maps: how many are fused.
        init_cfg: initialisation, Xavier's uniform by default.

    Example:
        >>> fuse = AdaptiveChannelFusion(channels=8, num_maps=4)
        >>> tuple(fuse([torch.rand(2, 8, 5, 7) for _ in range(4)]).shape)
        (2, 8, 5, 7)
    """

    def __init__(self, channels: int, num_maps: int, init_cfg: OptMultiConfig = XAVIER) -> None:
        super().__init__(init_cfg)
        self.squeeze = nn.Conv2d(num_maps * channels, channels // 4, 1)
        self.attention = nn.Conv2d(channels // 4, num_maps * channels, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse `num_maps` maps of (N, C, H, W) into one."""
        maxima = torch.cat([F.adaptive_max_pool2d(feature, 1) for feature in maps], dim=1)
        weights = self.attention(self.squeeze(maxima).relu()).sigmoid().chunk(len(maps), dim=1)
        fused = maps[0] * weights[0]
        for feature, weight in zip(maps[1:], weights[1:], strict=True):
            fused = fused + feature * weight
        return fused
