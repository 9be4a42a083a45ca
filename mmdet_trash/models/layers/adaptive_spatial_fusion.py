from collections.abc import Sequence

from mmdet.utils import OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

XAVIER = {"type": "Xavier", "layer": "Conv2d", "distribution": "uniform"}


class AdaptiveSpatialFusion(BaseModule):
    """Weigh several maps at each position and sum them.

    From `AugFPN <https://arxiv.org/abs/1912.05384>`_, figure 4: the weights come from the maps themselves, by a 1x1
    convolution of their concatenation, a ReLU, a 3x3 convolution to one channel a map, and a sigmoid.

    A 1x1 convolution of a concatenation is the sum of each part's own, so the concatenation is never made.

    Args:
        channels: of each map and of the result.
        num_maps: how many are fused.
        init_cfg: initialisation, Xavier's uniform by default.

    Example:
        >>> fuse = AdaptiveSpatialFusion(channels=8, num_maps=3)
        >>> tuple(fuse([torch.rand(2, 8, 5, 7) for _ in range(3)]).shape)
        (2, 8, 5, 7)
    """

    def __init__(self, channels: int, num_maps: int, init_cfg: OptMultiConfig = XAVIER) -> None:
        super().__init__(init_cfg)
        self.squeeze = nn.Conv2d(num_maps * channels, channels, 1)
        self.attention = nn.Conv2d(channels, num_maps, 3, padding=1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse `num_maps` maps of (N, C, H, W) into one."""
        parts = self.squeeze.weight.chunk(len(maps), dim=1)
        hidden = F.conv2d(maps[0], parts[0], self.squeeze.bias)
        for feature, part in zip(maps[1:], parts[1:], strict=True):
            hidden = hidden + F.conv2d(feature, part)
        weights = self.attention(hidden.relu_()).sigmoid().split(1, dim=1)
        fused = maps[0] * weights[0]
        for feature, weight in zip(maps[1:], weights[1:], strict=True):
            fused = fused + feature * weight
        return fused
