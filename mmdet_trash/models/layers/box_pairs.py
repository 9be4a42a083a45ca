from functools import cached_property

from torch import Tensor


class BoxPairs:
    """Boxes beside the boxes they are compared with: the lengths and areas that IoU and its kin are made of.

    All follow from how far two corners of a pair lie apart and from the target's size, so that it costs no precision
    where in the image a pair lies. They are computed when first asked for. Halves of lines are cut off by `relu`,
    whose backward pass on a CPU is many times as fast as those of `clamp`, `minimum` and `maximum`.

    Args:
        delta_lt: (2, ...), x and y of the boxes' left top corners minus the targets', in pixels.
        delta_rb: (2, ...), the same of the right bottom corners.
        wh_target: (2, ...), the targets' width and height.
        eps: the least area or squared length that is divided by.

    Attributes:
        wh: (2, ...), the boxes' width and height.
        delta_wh: (2, ...), `wh - wh_target`.
        delta_centre: (2, ...), from the targets' centres to the boxes'.
        overlap: (2, ...), what a pair shares of each axis; below 0 is the gap between them.
        enclosing: (2, ...), width and height of the smallest box around a pair.
        intersection: (...), an area, as `union` is.
        iou: (...), between 0 and 1.
        distance2: (...), squared distance between the centres.
        diagonal2: (...), squared diagonal of the smallest box around a pair.
    """

    def __init__(self, delta_lt: Tensor, delta_rb: Tensor, wh_target: Tensor, eps: float) -> None:
        self.delta_lt, self.delta_rb, self.wh_target, self.eps = delta_lt, delta_rb, wh_target, eps

    @classmethod
    def of_columns(cls, boxes: Tensor, target: Tensor, eps: float) -> "BoxPairs":
        """Pairs of xyxy boxes whose coordinates stand in the first dimension: (4, ...), broadcast as usual."""
        delta_lt, delta_rb = (boxes - target).chunk(2)
        return cls(delta_lt, delta_rb, target[2:] - target[:2], eps)

    def scaled(self, ratio: float) -> "BoxPairs":
        """The pairs with every box grown by a ratio about its own centre."""
        half = self.delta_wh * (ratio / 2)
        return BoxPairs(self.delta_centre - half, self.delta_centre + half, self.wh_target * ratio, self.eps)

    @cached_property
    def delta_wh(self) -> Tensor:
        return self.delta_rb - self.delta_lt

    @cached_property
    def wh(self) -> Tensor:
        return self.wh_target + self.delta_wh

    @cached_property
    def delta_centre(self) -> Tensor:
        return (self.delta_lt + self.delta_rb) / 2

    @cached_property
    def overlap(self) -> Tensor:
        return self.wh_target - self.delta_lt.relu() - (-self.delta_rb).relu()

    @cached_property
    def enclosing(self) -> Tensor:
        return self.wh + self.wh_target - self.overlap

    @cached_property
    def intersection(self) -> Tensor:
        return area(self.overlap.relu())

    @cached_property
    def union(self) -> Tensor:
        return (area(self.wh) + area(self.wh_target) - self.intersection).clamp(min=self.eps)

    @cached_property
    def iou(self) -> Tensor:
        return self.intersection / self.union

    @cached_property
    def distance2(self) -> Tensor:
        return squared_length(self.delta_centre)

    @cached_property
    def diagonal2(self) -> Tensor:
        return squared_length(self.enclosing).clamp(min=self.eps)


def area(wh: Tensor) -> Tensor:
    """Width times height of (2, ...)."""
    w, h = wh.unbind()
    return w * h


def squared_length(xy: Tensor) -> Tensor:
    """Squared length of vectors (2, ...)."""
    x, y = xy.unbind()
    return x * x + y * y
