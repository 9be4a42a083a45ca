"""The same seed gives the same samples, whatever worker makes them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


class SeededItems:
    """Fetches the samples of a batch for PyTorch's data loader, each with random numbers of its own.

    They follow from the seed, the epoch, which samples the batch holds, and the place in it: not from the worker, nor
    from what it has done before, and a sample that a wrapper or a sampler repeats is not made alike, unless the whole
    batch repeats within the epoch, as batches of one may. Transforms draw
    from `numpy.random` and `random`, as MMDetection's do; the states of both are as before afterwards.

    Args:
        dataset: whose items are fetched.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self._seed = torch.full((2,), -1, dtype=torch.int64).share_memory_()

    def seed(self, seed: int, epoch: int) -> None:
        """Begin an epoch; workers that run already see it."""
        self._seed[:] = torch.tensor([seed, epoch])

    def __call__(self, indices: list[int]) -> list[Any]:
        seed, epoch = self._seed.tolist()
        items = []
        for place, index in enumerate(indices):
            with seeded([seed, epoch, place, len(indices), *map(int, indices)]):
                items.append(self.dataset[index])
        return items


@contextmanager
def seeded(entropy: list[int]) -> Iterator[None]:
    """Let `numpy.random` and `random` begin at a state that follows from numbers, and put them back after."""
    before, python_before = np.random.get_state(), random.getstate()
    first, second = np.random.SeedSequence(entropy).generate_state(2)
    np.random.seed(first)
    random.seed(int(second))
    try:
        yield
    finally:
        np.random.set_state(before)
        random.setstate(python_before)
