from typing import Any

from mmcv.cnn import ConvModule
from torch import Tensor

from mmdet_trash.models.layers.residual_feature_augmentation import ResidualFeatureAugmentation


class AugmentedLateral(ConvModule):
    """A neck's 1x1 lateral convolution with :class:`ResidualFeatureAugmentation` added to what it gives.

    In the place of a neck's topmost lateral it brings the augmentation to that neck, whatever the rest of it does. Its
    own weights keep their names, so the neck's plain weights load.

    Args:
        in_channels: of the backbone's map.
        out_channels: of the pyramid.
        rfa: arguments of the augmentation, `dict(pool_ratios=(0.1, 0.2, 0.3))` say.
        **kwargs: as for `ConvModule`.
    """

    def __init__(self, in_channels: int, out_channels: int, rfa: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, 1, **kwargs)
        self.rfa = ResidualFeatureAugmentation(in_channels, out_channels, **rfa)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into (N, out_channels, H, W)."""
        return super().forward(x) + self.rfa(x)
