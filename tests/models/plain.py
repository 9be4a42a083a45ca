"""The modules' formulas, written out once more from the paper, and gradients by finite differences."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


def cells(length: int, count: int) -> list[slice]:
    """The regions of an adaptive pooling along one axis: from floor to ceiling, so that neighbours may overlap."""
    return [slice(i * length // count, -((-(i + 1) * length) // count)) for i in range(count)]


def pooled(x: np.ndarray, ratio: float) -> np.ndarray:
    """(N, C, H, W) averaged to a share of its height and width."""
    height, width = (max(1, math.floor(ratio * length)) for length in x.shape[-2:])
    rows = [
        [x[..., row, column].mean((-2, -1)) for column in cells(x.shape[-1], width)]
        for row in cells(x.shape[-2], height)
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def stretched(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear upsampling with aligned corners, as a product with one matrix an axis."""
    for axis, length in zip((-2, -1), size, strict=True):
        count = x.shape[axis]
        places = torch.linspace(0, count - 1, length, dtype=x.dtype)
        hats = (1 - (places[:, None] - torch.arange(count)).abs()).clamp(min=0)
        x = torch.tensordot(x, hats.to(x), ([axis], [1])).movedim(-1, axis)
    return x


def spatial_fusion(state: dict[str, Tensor], maps: Sequence[Tensor]) -> Tensor:
    """Adaptive spatial fusion, over a concatenation that is really made."""
    hidden = F.conv2d(torch.cat(tuple(maps), 1), state["squeeze.weight"], state["squeeze.bias"]).relu()
    weights = F.conv2d(hidden, state["attention.weight"], state["attention.bias"], padding=1).sigmoid()
    return (torch.stack(tuple(maps), 1) * weights[:, :, None]).sum(1)


def channel_fusion(state: dict[str, Tensor], maps: Sequence[Tensor]) -> Tensor:
    """Adaptive channel fusion."""
    maxima = torch.cat([feature.amax((2, 3)) for feature in maps], 1)
    hidden = F.linear(maxima, state["squeeze.weight"].flatten(1), state["squeeze.bias"]).relu()
    weights = F.linear(hidden, state["attention.weight"].flatten(1), state["attention.bias"]).sigmoid()
    return (torch.stack(tuple(maps), 1) * weights.view(len(weights), len(maps), -1, 1, 1)).sum(1)


def augmentation(state: dict[str, Tensor], x: Tensor, ratios: Sequence[float]) -> Tensor:
    """Residual feature augmentation, of adaptive pooling."""
    maps = []
    for i, ratio in enumerate(ratios):
        small = torch.from_numpy(pooled(x.detach().numpy(), ratio)).to(x)
        small = F.conv2d(small, state[f"convs.{i}.weight"], state[f"convs.{i}.bias"])
        maps.append(stretched(small, x.shape[-2:]))
    return spatial_fusion({k.removeprefix("fusion."): v for k, v in state.items() if k.startswith("fusion.")}, maps)


class PlainlyAugmented(nn.Module):
    """A lateral to which the plain augmentation of the same input is added: the paper's figure, as a module.

    Args:
        lateral: the neck's own.
        state: state dict of the augmentation.
        ratios: of its pooling.
    """

    def __init__(self, lateral: nn.Module, state: dict[str, Tensor], ratios: Sequence[float]) -> None:
        super().__init__()
        self.lateral, self.state, self.ratios = lateral, state, ratios

    def forward(self, x: Tensor) -> Tensor:
        return self.lateral(x) + augmentation(self.state, x, self.ratios)


def gradients_agree(
    module: nn.Module, tensors: Sequence[Tensor], call: Callable[..., object] | None = None, fast: bool = False
) -> bool:
    """Whether the gradients of inputs and of all parameters are those of finite differences, in float64.

    Args:
        module: what is called; it is turned to float64.
        tensors: its inputs.
        call: how it is called with the list of inputs; by `module` itself without.
        fast: along one random direction instead of each.
    """
    module.double()
    leaves = [tensor.double().requires_grad_() for tensor in tensors]
    # The check changes its tensors in place, so that the module's own parameters can be among them.
    return torch.autograd.gradcheck(
        lambda *_: (call or module)(leaves), (*leaves, *module.parameters()), fast_mode=fast
    )
