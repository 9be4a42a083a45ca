from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from mmdet_trash.errors import InputError


def check_level_sizes(name: str, maps: Sequence[Tensor]) -> None:
    """Check that maps (N, C, H, W) come from the finest to the coarsest.

    Raises:
        InputError: naming the argument, when a map is higher or wider than the one before it.
    """
    sizes = [tuple(feature.shape[-2:]) for feature in maps]
    if any(after > before for pair in pairwise(sizes) for before, after in zip(*pair, strict=True)):
        raise InputError(f"{name}: sizes {sizes} should fall from the finest level to the coarsest")
