from collections.abc import Sequence

from mmdet.utils import OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_trash.models.layers.adaptive_spatial_fusion import XAVIER, AdaptiveSpatialFusion
from mmdet_trash.models.layers.ratio_invariant_pooling import RatioInvariantPooling


class ResidualFeatureAugmentation(BaseModule):
    """Context of several scales from a backbone's last map, to be added to that map's lateral.

    From `AugFPN <https://arxiv.org/abs/1912.05384>`_, section 3.2: the top of a pyramid loses information when its
    channels are reduced, and nothing above it gives any back. The map is pooled at several ratios
    (:class:`RatioInvariantPooling`), each has its own 1x1 convolution and is upsampled to the full size again, and
    :class:`AdaptiveSpatialFusion` sums them.

    Args:
        in_channels: of the backbone's map.
        out_channels: of the pyramid.
        pool_ratios: shares in (0, 1], one a branch.
        pooling: as in :class:`RatioInvariantPooling`.
        init_cfg: initialisation, Xavier's uniform by default.

    Example:
        >>> rfa = ResidualFeatureAugmentation(32, 8)
        >>> tuple(rfa(torch.rand(2, 32, 25, 40)).shape)
        (2, 8, 25, 40)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        pool_ratios: Sequence[float] = (0.1, 0.2, 0.3),
        pooling: str = "adaptive",
        init_cfg: OptMultiConfig = XAVIER,
    ) -> None:
        super().__init__(init_cfg)
        self.pool = RatioInvariantPooling(pool_ratios, pooling)
        self.convs = nn.ModuleList(nn.Conv2d(in_channels, out_channels, 1) for _ in pool_ratios)
        self.fusion = AdaptiveSpatialFusion(out_channels, len(pool_ratios))

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into (N, out_channels, H, W)."""
        size = x.shape[-2:]
        return self.fusion(
            [
                F.interpolate(conv(pooled), size=size, mode="bilinear", align_corners=True)
                for conv, pooled in zip(self.convs, self.pool(x), strict=True)
            ]
        )
