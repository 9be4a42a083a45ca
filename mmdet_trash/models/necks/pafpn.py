from typing import Any

from mmdet.models import necks

from mmdet_trash.models.layers import AugmentedLateral
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class PAFPN(necks.PAFPN):
    """`Path aggregation network <https://arxiv.org/abs/1803.01534>`_, with residual feature augmentation if asked.

    Args:
        in_channels: of each of the backbone's maps, from the finest.
        out_channels: of every map of the pyramid.
        num_outs: maps of the pyramid.
        rfa: arguments of :class:`~mmdet_trash.models.layers.ResidualFeatureAugmentation`,
            `dict(pool_ratios=(0.1, 0.2, 0.3))` say; without it this is MMDetection's `PAFPN`.
        **kwargs: as for MMDetection's `PAFPN`.
    """

    def __init__(
        self,
        in_channels: list[int],
        out_channels: int,
        num_outs: int,
        *,
        rfa: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, num_outs, **kwargs)
        if rfa is not None:
            conv = {key: kwargs.get(key) for key in ("conv_cfg", "act_cfg")}
            norm_cfg = None if self.no_norm_on_lateral else kwargs.get("norm_cfg")
            self.lateral_convs[-1] = AugmentedLateral(
                in_channels[self.backbone_end_level - 1], out_channels, rfa, norm_cfg=norm_cfg, inplace=False, **conv
            )
