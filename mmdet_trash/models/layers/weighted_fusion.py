from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmdet_trash.errors import InputError

FUSIONS = ("fast", "softmax", "sum")


def weighted_fusion(maps: Sequence[Tensor], weights: Tensor, method: str = "fast", eps: float = 1e-4) -> Tensor:
    """Sum maps, each with its own weight.

    From `EfficientDet <https://arxiv.org/abs/1911.09070>`_, section 3.3. `"fast"` is its fast normalised fusion: weight
    i is relu(w_i) / (eps + the sum of all relu(w_j)), so a negative one counts as 0. `"softmax"` is what that stands
    in for, and takes longer on a GPU.

    Args:
        maps: of one shape, (N, C, H, W).
        weights: one a map, (maps,), of any sign.
        method: `"fast"` or `"softmax"`.
        eps: keeps the sum of the weights away from 0.

    Returns:
        One map (N, C, H, W).

    Raises:
        InputError: for an unknown method.
    """
    if method == "fast":
        weights = weights.relu()
        weights = weights / (eps + weights.sum())
    elif method == "softmax":
        weights = weights.softmax(0)
    else:
        raise InputError(f"fusion: {method!r} is unknown, fast or softmax is right")
    # In half precision the weights are normalised in full.
    first, *others = weights.to(maps[0].dtype)
    fused = maps[0] * first
    for feature, weight in zip(maps[1:], others, strict=True):
        fused = torch.addcmul(fused, feature, weight)
    return fused


class WeightedFusion(nn.Module):
    """Sum maps with weights that are learned, all 1 at first; see :func:`weighted_fusion`.

    Args:
        num_maps: how many are fused.
        method: `"fast"`, `"softmax"`, or `"sum"` for a plain sum, which learns nothing.
        eps: as for :func:`weighted_fusion`.

    Raises:
        InputError: for an unknown method.

    Example:
        >>> fuse = WeightedFusion(2)
        >>> fuse([torch.ones(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)]).mean().round(decimals=2)
        tensor(0.5000, grad_fn=<RoundBackward1>)
    """

    def __init__(self, num_maps: int, method: str = "fast", eps: float = 1e-4) -> None:
        super().__init__()
        if method not in FUSIONS:
            raise InputError(f"fusion: {method!r} is unknown, one of {', '.join(FUSIONS)} is right")
        self.method, self.eps = method, eps
        self.weights = None if method == "sum" else nn.Parameter(torch.ones(num_maps))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse `num_maps` maps of (N, C, H, W) into one."""
        if self.weights is None:
            return sum(maps)
        return weighted_fusion(maps, self.weights, self.method, self.eps)

    def extra_repr(self) -> str:
        return f"method={self.method!r}, eps={self.eps}"
