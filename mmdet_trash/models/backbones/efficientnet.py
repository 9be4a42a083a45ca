from typing import Any

from mmdet.models import backbones

from mmdet_trash.registry import MODELS


@MODELS.register_module()
class EfficientNet(backbones.EfficientNet):
    """MMDetection's `EfficientNet <https://arxiv.org/abs/1905.11946>`_, where -1 freezes nothing as it does elsewhere.

    Args:
        arch: `"b0"` to `"b8"`, `"es"`, `"em"` or `"el"`.
        frozen_stages: how many of stem and stages keep their weights, -1 or 0 for none.
        norm_eval: whether batch norms keep their statistics in training.
        **kwargs: as for MMDetection's `EfficientNet`: `drop_path_rate`, `out_indices`, `norm_cfg` and so on.
    """

    def __init__(self, arch: str = "b0", frozen_stages: int = -1, norm_eval: bool = False, **kwargs: Any) -> None:
        super().__init__(arch, frozen_stages=max(frozen_stages, 0), norm_eval=norm_eval, **kwargs)
