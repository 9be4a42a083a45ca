from collections.abc import Sequence
from typing import Any

import torch
from mmdet.utils import OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

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

    A 1x1 convolution of a concatenation is the sum of each part's own, so the concatenation is never made. Maps are
    handled as rows of channels, (N·H·W, C), where that convolution is a matrix product.
    """

    @staticmethod
    def forward(
        ctx: Any, squeeze: Tensor, squeeze_bias: Tensor, attention: Tensor, attention_bias: Tensor, *maps: Tensor
    ) -> Tensor:
        ctx.image_shape = maps[0].shape
        rows = [_rows(feature) for feature in maps]
        with torch.autocast(maps[0].device.type, enabled=False):
            hidden = _images(_squeeze(rows, squeeze, squeeze_bias), maps[0].shape)
            weights = _rows(F.conv2d(hidden, attention, attention_bias, padding=1).sigmoid())
        ctx.save_for_backward(squeeze, squeeze_bias, attention, weights, *rows)
        fused = rows[0] * weights[:, :1]
        for i, row in enumerate(rows[1:], start=1):
            fused.addcmul_(row, weights[:, i, None])
        return _images(fused, maps[0].shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        squeeze, squeeze_bias, attention, weights, *rows = ctx.saved_tensors
        grad = grad.permute(0, 2, 3, 1)  # a view: a copy would be one map more
        hidden = _images(_squeeze(rows, squeeze, squeeze_bias), ctx.image_shape)
        grad_weights = torch.stack([(grad * row.view_as(grad)).sum(3).flatten() for row in rows], 1)
        grad_logits = grad_weights * weights * (1 - weights)
        grad_logits = _images(grad_logits, ctx.image_shape)
        grad_attention = conv2d_weight(hidden, attention.shape, grad_logits, padding=1)
        grad_hidden = _rows(conv2d_input(hidden.shape, attention, grad_logits, padding=1) * (hidden > 0))
        del hidden
        grad_squeeze = torch.cat([grad_hidden.t() @ row for row in rows], 1)
        grad_maps = [
            (grad_hidden @ part).view_as(grad).addcmul_(grad, weight.view(*grad.shape[:3], 1)).permute(0, 3, 1, 2)
            for part, weight in zip(squeeze.flatten(1).chunk(len(rows), 1), weights.unbind(1), strict=True)
        ]
        return (
            grad_squeeze.view_as(squeeze),
            grad_hidden.sum(0),
            grad_attention,
            grad_logits.sum((0, 2, 3)),
            *grad_maps,
        )


def _squeeze(rows: Sequence[Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    parts = weight.flatten(1).chunk(len(rows), 1)
    hidden = F.linear(rows[0], parts[0], bias)
    for row, part in zip(rows[1:], parts[1:], strict=True):
        hidden.addmm_(row, part.t())
    return hidden.relu_()


def _rows(images: Tensor) -> Tensor:
    """(N, C, H, W) as (N·H·W, C)."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1])


def _images(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """(N·H·W, C) as (N, C, H, W), where `shape` says N, H and W."""
    return rows.view(shape[0], shape[2], shape[3], rows.shape[1]).permute(0, 3, 1, 2)
