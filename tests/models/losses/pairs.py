"""Pairs of boxes and targets that lie to each other in a given way."""

import torch
from torch import Tensor

SMOOTH = ["random", "nested", "around", "disjoint", "apart along x"]
DEGENERATE = [
    f"{side} of {what}" for side in ("no width", "no height", "a point") for what in ("box", "target", "both")
]


class Draws:
    """Random numbers of a seed, one for each of some boxes, as (N, 1)."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.generator = count, torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.count, 1, generator=self.generator, dtype=torch.double)

    def vector(self, low: float, high: float) -> Tensor:
        return torch.cat([self.uniform(low, high), self.uniform(low, high)], 1)

    def boxes(self) -> Tensor:
        """(N, 4), within 400 pixels, of 2 to 128 pixels a side."""
        corner = self.vector(0, 400)
        return torch.cat([corner, corner + 2 ** self.vector(1, 7)], 1)


def placed(how: str, count: int = 100, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Boxes and targets, (count, 4) xyxy in float64 each: one of `SMOOTH` and `DEGENERATE`, or `touching` or `same`."""
    draws = Draws(count, seed)
    target = draws.boxes()
    lt, rb = target.chunk(2, 1)
    side = rb - lt
    if how in DEGENERATE:
        return flattened(how, target + draws.vector(-0.4, 0.4).repeat(1, 2) * side.repeat(1, 2), target)
    if how == "same":
        return target.clone(), target
    if how == "random":
        return torch.cat([lt + draws.vector(-0.4, 0.4) * side, rb + draws.vector(-0.4, 0.4) * side], 1), target
    if how in ("nested", "around"):
        inside = torch.cat([lt + draws.vector(0.05, 0.4) * side, rb - draws.vector(0.05, 0.4) * side], 1)
        return (inside, target) if how == "nested" else (target, inside)
    # The others begin to the right of the target.
    gap = {"disjoint": (1, 500), "apart along x": (1, 50), "touching": (0, 0)}[how]
    below = rb[:, 1:] + draws.uniform(*gap) if how == "disjoint" else lt[:, 1:] + draws.uniform(0.1, 0.5) * side[:, 1:]
    corner = torch.cat([rb[:, :1] + draws.uniform(*gap), below], 1)
    return torch.cat([corner, corner + draws.vector(0.2, 5) * side], 1), target


def flattened(how: str, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs with a side or both taken from the box, the target, or both, which then are the same."""
    side, what = how.split(" of ")
    columns = {"no width": [0, 1, 0, 3], "no height": [0, 1, 2, 1], "a point": [0, 1, 0, 1]}[side]
    if what == "both":
        return target[:, columns].clone(), target[:, columns]
    return (pred[:, columns], target) if what == "box" else (pred, target[:, columns])
