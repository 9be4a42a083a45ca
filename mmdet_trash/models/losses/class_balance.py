from collections.abc import Sequence

import numpy as np

from mmdet_trash.errors import InputError


def effective_number_weights(counts: Sequence[int], beta: float = 0.999) -> np.ndarray:
    """Weights of classes by the effective number of their samples: the rarer a class, the more it weighs.

    `Class-balanced loss <https://arxiv.org/abs/1901.05555>`_, equation 2: n samples of a class are worth
    `(1 - beta^n) / (1 - beta)`, and the weight is inverse to that.

    Args:
        counts: samples of each class, (C,).
        beta: 0 weighs all alike; near 1 the weights come to be inverse to the counts.

    Returns:
        (C,) float64, of mean 1. A class without samples has weight 1, and does not count into the mean.

    Raises:
        InputError: for a beta out of range.

    Example:
        >>> effective_number_weights([5178, 468, 159]).round(2)
        array([0.29, 0.77, 1.95])
    """
    if not 0 <= beta < 1:
        raise InputError(f"beta: {beta} is given, from 0 up to but not 1 is right")
    present = np.asarray(counts) > 0
    weights = np.ones(len(present))
    weights[present] = (1 - beta) / (1 - beta ** np.asarray(counts, dtype=np.float64)[present])
    weights[present] /= weights[present].mean() if present.any() else 1
    return weights
