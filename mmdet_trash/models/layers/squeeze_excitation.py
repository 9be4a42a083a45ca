from typing import Any

from mmdet.models import layers

from mmdet_trash.registry import MODELS


@MODELS.register_module()
class SELayer(layers.SELayer):
    """Weigh a map's channels by what they are over the whole image.

    MMDetection's layer of `Squeeze-and-Excitation networks <https://arxiv.org/abs/1709.01507>`_, under a name and an
    argument by which a config's `plugins` find it: the channels' means go through a 1x1 convolution, ReLU, another and
    a sigmoid (equations 2 and 3), and scale the channels.

    Args:
        in_channels: of the map.
        ratio: how many times fewer channels there are in between.
        **kwargs: as for MMDetection's: `conv_cfg`, `act_cfg`, `init_cfg`.

    Example:
        >>> SELayer(32)(torch.zeros(1, 32, 5, 5)).shape
        torch.Size([1, 32, 5, 5])
    """

    def __init__(self, in_channels: int, ratio: int = 16, **kwargs: Any) -> None:
        super().__init__(in_channels, min(ratio, in_channels), **kwargs)
