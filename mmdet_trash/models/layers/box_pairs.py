from functools import cached_property

from torch import Tensor


class BoxPairs:
    """Boxes beside the boxes they are compared with: the lengths and areas that IoU and its kin are made of.

    All follow from the offsets of two corners and from sizes, so that precision does not depend on where in the image a
    pair lies. They are computed when first asked for. Negative parts are cut off by `relu`, whose backward pass on a
    CPU takes a fraction of the time of those of `clamp` and `maximum`.

    Args:
        delta_lt: (2, ...), x and y of the boxes' left top corners minus the targets', in pixels.
        delta_rb: (2, ...), the same of the right bottom corners.
        wh: (2, ...), the boxes' width and height.
        wh_target: (2, ...), the targets'.
        eps: the floor, in pixels, of lengths that are divided by; areas and squared lengths have its square.

    Attributes:
        delta_wh: (2, ...), `wh - wh_target`.
        delta_centre: (2, ...), from the targets' centres to the boxes'.
        overlap: (2, ...), what a pair shares of each axis; below 0 is the gap between them.
        enclosing: (2, ...), width and height of the smallest box around a pair.
        intersection: (...), an area, as `union` is.
        iou: (...), between 0 and 1 but for rounding.
        distance2: (...), squared distance between the centres.
        diagonal2: (...), squared diagonal of the smallest box around a pair.
    """

    def __init__(self, delta_lt: Tensor, delta_rb: Tensor, wh: Tensor, wh_target: Tensor, eps: float) -> None:
        self.delta_lt, self.delta_rb, self.wh, self.wh_target, self.eps = delta_lt, delta_rb, wh, wh_target, eps

    @classmethod
    def from_columns(cls, boxes: Tensor, target: Tensor, eps: float) -> "BoxPairs":
        """Pairs of xyxy boxes whose coordinates stand in the first dimension: (4, ...), broadcast as usual."""
        (lt, rb), (lt_target, rb_target) = boxes.chunk(2), target.chunk(2)
        return cls(lt - lt_target, rb - rb_target, rb - lt, rb_target - lt_target, eps)

    def scaled(self, ratio: float) -> "BoxPairs":
        """The pairs with every box grown by a ratio about its own centre."""
        half = self.delta_wh * (ratio / 2)
        corners = (self.delta_centre - half, self.delta_centre + half)
        return BoxPairs(*corners, self.wh * ratio, self.wh_target * ratio, self.eps)

    @cached_property
    def delta_wh(self) -> Tensor:
        return self.wh - self.wh_target

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
        return (area(self.wh) + area(self.wh_target) - self.intersection).clamp(min=self.eps**2)

    @cached_property
    def iou(self) -> Tensor:
        return self.intersection / self.union

    @cached_property
    def distance2(self) -> Tensor:
        return squared_length(self.delta_centre)

    @cached_property
    def diagonal2(self) -> Tensor:
        return squared_length(self.enclosing).clamp(min=self.eps**2)


def area(wh: Tensor) -> Tensor:
    """Width times height of (2, ...)."""
    w, h = wh.unbind()
    return w * h


def squared_length(xy: Tensor) -> Tensor:
    """Squared length of vectors (2, ...)."""
    x, y = xy.unbind()
    return x * x + y * y
