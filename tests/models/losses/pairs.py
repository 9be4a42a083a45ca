"""Pairs of boxes and targets that lie to each other in a given way, (N, 4) xyxy in float64 each."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor


class Draws:
    """Random numbers of a seed, one for each of some boxes, as (N, 1)."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.generator = count, torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.count, 1, generator=self.generator, dtype=torch.double)

    def vector(self, low: float, high: float) -> Tensor:
        return torch.cat([self.uniform(low, high), self.uniform(low, high)], 1)

    def boxes(self) -> Tensor:
        """Within 400 pixels, of 2 to 128 pixels a side."""
        corner = self.vector(0, 400)
        return torch.cat([corner, corner + 2 ** self.vector(1, 7)], 1)


def random(target: Tensor, draws: Draws) -> Tensor:
    side = target[:, 2:] - target[:, :2]
    return target + torch.cat([draws.vector(-0.4, 0.4) * side, draws.vector(-0.4, 0.4) * side], 1)


def nested(target: Tensor, draws: Draws) -> Tensor:
    side = target[:, 2:] - target[:, :2]
    return target + torch.cat([draws.vector(0.05, 0.4) * side, -draws.vector(0.05, 0.4) * side], 1)


def around(target: Tensor, draws: Draws) -> Tensor:
    side = target[:, 2:] - target[:, :2]
    return target + torch.cat([-draws.vector(0.05, 2) * side, draws.vector(0.05, 2) * side], 1)


def beside(target: Tensor, draws: Draws, gap: float) -> Tensor:
    """To the right, at a distance of up to so many pixels; partly at the target's height."""
    left = target[:, 2:3] + (draws.uniform(1, gap) if gap else 0)
    top = target[:, 1:2] + draws.uniform(0.1, 0.5) * (target[:, 3:] - target[:, 1:2])
    corner = torch.cat([left, top], 1)
    return torch.cat([corner, corner + draws.vector(0.2, 5) * (target[:, 2:] - target[:, :2])], 1)


def disjoint(target: Tensor, draws: Draws) -> Tensor:
    """To the right and below."""
    corner = target[:, 2:] + draws.vector(1, 500)
    return torch.cat([corner, corner + draws.vector(0.2, 5) * (target[:, 2:] - target[:, :2])], 1)


PLACES: dict[str, Callable[[Tensor, Draws], Tensor]] = {
    "random": random,
    "nested": nested,
    "around": around,
    "disjoint": disjoint,
    "beside": lambda target, draws: beside(target, draws, gap=50),
    "touching": lambda target, draws: beside(target, draws, gap=0),
    "same": lambda target, draws: target.clone(),
}
SMOOTH = ["random", "nested", "around", "disjoint", "beside"]
"""Where no loss has a kink."""


FLAT = {"no width": [0, 1, 0, 3], "no height": [0, 1, 2, 1], "a point": [0, 1, 0, 1]}
"""Which of a box's coordinates make a degenerate one."""
DEGENERATE = {
    f"{how}: {which}": (columns, which)
    for (how, columns), which in itertools.product(FLAT.items(), ["the box", "the target", "both"])
}


def placed(how: str, count: int = 100, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Boxes and targets of one of `PLACES`, or of `DEGENERATE`: where both are, they are the same."""
    draws = Draws(count, seed)
    target = draws.boxes()
    if how in PLACES:
        return PLACES[how](target, draws), target
    columns, which = DEGENERATE[how]
    pred = target.clone() if which == "both" else random(target, draws)
    return (
        pred if which == "the target" else pred[:, columns],
        target if which == "the box" else target[:, columns],
    )
