from typing import Any

from mmdet.models import backbones

from mmdet_trash.models.layers import rename_keys
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class ResNetV1d(backbones.ResNetV1d):
    """MMDetection's ResNet of `Bag of Tricks <https://arxiv.org/abs/1812.01187>`_; the weights of timm's load as well.

    timm has a ResNet-18 of the kind, MMDetection's releases have none; it calls the stem otherwise.
    """

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        rename_keys(state_dict, prefix, {"conv1.": "stem.", "bn1.": "stem.7."})
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
