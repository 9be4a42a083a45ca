from collections.abc import Sequence
from typing import Any

import torch
from mmdet.utils import OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

XAVIER = {"type": "Xavier", "layer": "Conv2d", "distribution": "uniform"}


class AdaptiveSpatialFusion(BaseModule):
    """Weigh several maps at each position and sum them.

    From `AugFPN <https://arxiv.org/abs/1912.05384>`_, figure 4: the weights come from the maps themselves, by a 1x1
    convolution of their concatenation, a ReLU, a 3x3 convolution to one channel a map, and a sigmoid.

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
        parameters = (self.squeeze.weight, self.squeeze.bias, self.attention.weight, self.attention.bias)
        # In mixed precision the maps have been cast and the parameters have not.
        return _Fusion.apply(*(parameter.to(maps[0].dtype) for parameter in parameters), *maps)


class _Fusion(torch.autograd.Function):
    """The arithmetic, with a backward pass that keeps the maps and nothing else of their size.

    A 1x1 convolution of a concatenation is the sum of each part's own, so the concatenation is never made. Channels
    are kept last, where that convolution is a matrix product.
    """

    @staticmethod
    def forward(
        ctx: Any, squeeze: Tensor, squeeze_bias: Tensor, attention: Tensor, attention_bias: Tensor, *maps: Tensor
    ) -> Tensor:
        maps = tuple(feature.contiguous(memory_format=torch.channels_last) for feature in maps)
        with torch.autocast(maps[0].device.type, enabled=False):
            hidden = _squeeze(maps, squeeze, squeeze_bias)
            weights = F.conv2d(hidden, attention, attention_bias, padding=1).sigmoid()
        ctx.save_for_backward(squeeze, squeeze_bias, attention, weights, *maps)
        fused = maps[0] * weights[:, :1]
        for i, feature in enumerate(maps[1:], start=1):
            fused.addcmul_(feature, weights[:, i, None])
        return fused

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        squeeze, squeeze_bias, attention, weights, *maps = ctx.saved_tensors
        hidden = _squeeze(maps, squeeze, squeeze_bias)
        grad_weights = torch.stack([(grad * feature).sum(1) for feature in maps], 1)
        grad_logits = grad_weights * weights * (1 - weights)
        grad_hidden, grad_attention = _conv_backward(grad_logits, hidden, attention, padding=1)
        grad_hidden *= hidden > 0
        del hidden
        grad_maps, grad_parts = [], []
        for i, (feature, part) in enumerate(zip(maps, squeeze.chunk(len(maps), 1), strict=True)):
            grad_map, grad_part = _conv_backward(grad_hidden, feature, part, padding=0)
            grad_maps.append(grad_map.addcmul_(grad, weights[:, i, None]))
            grad_parts.append(grad_part)
        return (
            torch.cat(grad_parts, 1),
            grad_hidden.sum((0, 2, 3)),
            grad_attention,
            grad_logits.sum((0, 2, 3)),
            *grad_maps,
        )


def _conv_backward(grad: Tensor, images: Tensor, weight: Tensor, padding: int) -> tuple[Tensor, Tensor]:
    """Gradients of a convolution's input and weight; the input's channels stay last."""
    grad_images, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad, images, weight, None, (1, 1), (padding, padding), (1, 1), False, (0, 0), 1, (True, True, False)
    )
    return grad_images, grad_weight


def _squeeze(maps: Sequence[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    parts = weight.chunk(len(maps), 1)
    hidden = F.conv2d(maps[0], parts[0], bias)
    for feature, part in zip(maps[1:], parts[1:], strict=True):
        hidden += F.conv2d(feature, part)
    return hidden.relu_()
