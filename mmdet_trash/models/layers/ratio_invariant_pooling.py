from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_trash.errors import InputError

POOLINGS = ("adaptive", "global_avg", "global_max")


class RatioInvariantPooling(nn.Module):
    """Pool a feature map to several sizes, each a fixed share of its height and width.

    From `AugFPN <https://arxiv.org/abs/1912.05384>`_, section 3.2: a context of several scales that keeps the image's
    aspect ratio. Ratio r takes a map of (h, w) to (max(1, ⌊r·h⌋), max(1, ⌊r·w⌋)).

    Args:
        ratios: shares in (0, 1], one a pooled map.
        pooling: `"adaptive"` averages as the paper does; `"global_avg"` and `"global_max"` give a single cell whatever
            the ratio, for comparison.

    Raises:
        InputError: for a ratio outside (0, 1] or an unknown pooling.

    Example:
        >>> pool = RatioInvariantPooling((0.1, 0.2, 0.3))
        >>> [tuple(pooled.shape) for pooled in pool(torch.rand(2, 8, 25, 40))]
        [(2, 8, 2, 4), (2, 8, 5, 8), (2, 8, 7, 12)]
    """

    def __init__(self, ratios: Sequence[float], pooling: str = "adaptive") -> None:
        super().__init__()
        if isinstance(ratios, (int, float)) or not ratios:
            raise InputError(f"pool_ratios: {ratios} is no list of shares, (0.1, 0.2, 0.3) say")
        for ratio in ratios:
            if not 0 < ratio <= 1:
                raise InputError(f"pool_ratios: {ratio} is outside (0, 1], as in {tuple(ratios)}")
        if pooling not in POOLINGS:
            raise InputError(f"pooling: {pooling!r} is unknown, one of {POOLINGS} is right")
        self.ratios = tuple(ratios)
        self.pooling = pooling

    def forward(self, x: Tensor) -> list[Tensor]:
        """Pool (N, C, H, W) to one (N, C, h, w) a ratio."""
        if self.pooling == "global_max":
            return [F.adaptive_max_pool2d(x, 1)] * len(self.ratios)
        if self.pooling == "global_avg":
            return [F.adaptive_avg_pool2d(x, 1)] * len(self.ratios)
        height, width = x.shape[-2:]
        return [
            _averages(height, max(1, int(ratio * height)), x) @ x @ _averages(width, max(1, int(ratio * width)), x).t()
            for ratio in self.ratios
        ]

    def extra_repr(self) -> str:
        return f"ratios={self.ratios}, pooling={self.pooling!r}"


def _averages(size: int, cells: int, like: Tensor) -> Tensor:
    """Matrix (cells, size) that averages along one axis, as adaptive pooling does.

    Products with it are exported to every format and have a gradient that is the same in each run, on a GPU too.
    """
    identity = torch.eye(size, dtype=like.dtype, device=like.device)
    return F.adaptive_avg_pool1d(identity[None], cells)[0].t()
