"""The papers' box losses, written out for one pair of boxes in Python's floats, and gradients by finite differences."""

import math
from collections.abc import Callable, Sequence

Box = Sequence[float]


def ratio(part: float, whole: float) -> float:
    """A fraction; of nothing it is 0."""
    return part / whole if whole > 0 else 0.0


class Pair:
    """What the formulas read of two xyxy boxes."""

    def __init__(self, box: Box, target: Box) -> None:
        (x1, y1, x2, y2), (x1_gt, y1_gt, x2_gt, y2_gt) = box, target
        self.w, self.h, self.w_gt, self.h_gt = x2 - x1, y2 - y1, x2_gt - x1_gt, y2_gt - y1_gt
        self.cx, self.cy = (x1 + x2) / 2, (y1 + y2) / 2
        self.cx_gt, self.cy_gt = (x1_gt + x2_gt) / 2, (y1_gt + y2_gt) / 2
        self.cw, self.ch = max(x2, x2_gt) - min(x1, x1_gt), max(y2, y2_gt) - min(y1, y1_gt)
        inter = max(0.0, min(x2, x2_gt) - max(x1, x1_gt)) * max(0.0, min(y2, y2_gt) - max(y1, y1_gt))
        self.union = self.w * self.h + self.w_gt * self.h_gt - inter
        self.iou = ratio(inter, self.union)
        self.rho2 = (self.cx - self.cx_gt) ** 2 + (self.cy - self.cy_gt) ** 2
        self.c2 = self.cw**2 + self.ch**2
        self.corners2 = (x1 - x1_gt) ** 2 + (y1 - y1_gt) ** 2 + (x2 - x2_gt) ** 2 + (y2 - y2_gt) ** 2

    def inner(self, scale: float) -> "Pair":
        w, h, w_gt, h_gt = (scale / 2 * side for side in (self.w, self.h, self.w_gt, self.h_gt))
        return Pair(
            (self.cx - w, self.cy - h, self.cx + w, self.cy + h),
            (self.cx_gt - w_gt, self.cy_gt - h_gt, self.cx_gt + w_gt, self.cy_gt + h_gt),
        )

    @property
    def v(self) -> float:
        if (self.w, self.h) == (0, 0) or (self.w_gt, self.h_gt) == (0, 0):
            return 0.0  # a point has no aspect
        slopes = [w / h if h else math.inf for w, h in ((self.w, self.h), (self.w_gt, self.h_gt))]
        return 4 / math.pi**2 * (math.atan(slopes[1]) - math.atan(slopes[0])) ** 2

    @property
    def alpha(self) -> float:
        return ratio(self.v, 1 - self.iou + self.v)


def iou(p: Pair, at: Pair) -> float:
    return 1 - p.iou


def giou(p: Pair, at: Pair) -> float:
    return 1 - p.iou + ratio(p.cw * p.ch - p.union, p.cw * p.ch)


def diou(p: Pair, at: Pair) -> float:
    return 1 - p.iou + ratio(p.rho2, p.c2)


def ciou(p: Pair, at: Pair) -> float:
    return diou(p, at) + at.alpha * p.v


def eiou(p: Pair, at: Pair) -> float:
    return diou(p, at) + ratio((p.w - p.w_gt) ** 2, p.cw**2) + ratio((p.h - p.h_gt) ** 2, p.ch**2)


def siou(p: Pair, at: Pair, theta: float = 4) -> float:
    sigma = math.sqrt(p.rho2)
    angle = 1 - 2 * math.sin(math.asin(min(1.0, ratio(abs(p.cy - p.cy_gt), sigma))) - math.pi / 4) ** 2
    rho_x, rho_y = ratio((p.cx - p.cx_gt) ** 2, p.cw**2), ratio((p.cy - p.cy_gt) ** 2, p.ch**2)
    distance = sum(1 - math.exp(-(2 - angle) * rho) for rho in (rho_x, rho_y))
    omegas = (ratio(abs(p.w - p.w_gt), max(p.w, p.w_gt)), ratio(abs(p.h - p.h_gt), max(p.h, p.h_gt)))
    return 1 - p.iou + (distance + sum((1 - math.exp(-omega)) ** theta for omega in omegas)) / 2


def mpdiou(p: Pair, at: Pair, img_shape: tuple[int, int] | None = None) -> float:
    return 1 - p.iou + ratio(p.corners2, p.c2 if img_shape is None else img_shape[0] ** 2 + img_shape[1] ** 2)


def alpha_ciou(p: Pair, at: Pair, alpha: float = 3) -> float:
    return 1 - p.iou**alpha + ratio(p.rho2, p.c2) ** alpha + (at.alpha * p.v) ** alpha


def wiou(p: Pair, at: Pair) -> float:
    return math.exp(ratio(p.rho2, at.c2)) * (1 - p.iou)


def inner_ciou(p: Pair, at: Pair, ratio: float = 0.7) -> float:
    return ciou(p, at) + p.iou - p.inner(ratio).iou


def focal_eiou(p: Pair, at: Pair, gamma: float = 0.5) -> float:
    return at.iou**gamma * eiou(p, at)


FORMULAS: dict[str, Callable[..., float]] = {
    formula.__name__: formula
    for formula in (iou, giou, diou, ciou, eiou, siou, mpdiou, alpha_ciou, wiou, inner_ciou, focal_eiou)
}
"""Of the pair, and of the pair at which coefficients without gradient are taken."""


def plain_loss(kind: str, box: Box, target: Box, **options: object) -> float:
    pair = Pair(box, target)
    return FORMULAS[kind](pair, pair, **options)


def plain_gradient(kind: str, box: Box, target: Box, step: float = 1e-5, **options: object) -> list[float]:
    """Of the box's four coordinates, by central differences; coefficients without gradient stay as they are."""
    at = Pair(box, target)
    slopes = []
    for i in range(4):
        values = []
        for sign in (1, -1):
            moved = list(box)
            moved[i] += sign * step
            values.append(FORMULAS[kind](Pair(moved, target), at, **options))
        slopes.append((values[0] - values[1]) / (2 * step))
    return slopes
