"""IoU-based box losses: one function for all kinds, and a module for each.

A coefficient that a docstring calls "without gradient" is detached, as its paper has it; Focal-EIoU says why its is.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar

import mmdet.models.losses
import torch
from mmdet.models.losses.utils import weight_reduce_loss
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers.box_pairs import BoxPairs, area, squared_length
from mmdet_trash.registry import MODELS


def bbox_iou_loss(pred: Tensor, target: Tensor, kind: str, eps: float = 1e-7, **options: Any) -> Tensor:
    """Loss of each predicted box beside its target, 0 where they are the same box.

    Half precision is computed, and returned, in float32. Sides of no length, boxes apart and targets that are points
    (those of negatives in MMDetection's heads) give finite losses and gradients; of two equal points the IoU is 0.

    Args:
        pred: (N, 4), xyxy in pixels.
        target: (N, 4), xyxy in pixels.
        kind: one of `iou`, `giou`, `diou`, `ciou`, `eiou`, `siou`, `mpdiou`, `alpha_ciou`, `wiou`, `inner_ciou` and
            `focal_eiou`; the modules of this file say what each is.
        eps: the floor, in pixels, of lengths that are divided by; areas and squared lengths have its square.
        **options: of the kind, as its module has them: `mode` (of `iou`, `"linear"` unless given), `theta` (`siou`),
            `img_shape` (`mpdiou`), `alpha` (`alpha_ciou`), `ratio` (`inner_ciou`), `gamma` (`focal_eiou`).

    Returns:
        (N,), float32 or float64.

    Raises:
        InputError: for an unknown kind, an option out of range or boxes of other shapes.
        TypeError: for an option that the kind has not.

    Example:
        >>> pred = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]])
        >>> target = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10]])
        >>> bbox_iou_loss(pred, target, "giou")
        tensor([0.0000, 0.6667])
    """
    if kind not in KINDS:
        raise InputError(f"kind: {kind!r} is unknown, one of {', '.join(KINDS)} is right")
    return KINDS[kind](_pairs(pred, target, eps), **options)


def _pairs(pred: Tensor, target: Tensor, eps: float) -> BoxPairs:
    if pred.shape != target.shape or pred.ndim != 2 or pred.shape[1] != 4:
        raise InputError(f"boxes: {tuple(pred.shape)} and {tuple(target.shape)} are given, (N, 4) twice is right")
    pred, target = (boxes if boxes.dtype == torch.float64 else boxes.float() for boxes in (pred, target))
    # Columns of their own in memory are worth the copy. Stacking is the faster one, but not in a backward pass.
    return BoxPairs.from_columns(pred.t().contiguous(), torch.stack(target.unbind(1)), eps)


def _iou(pairs: BoxPairs, mode: str = "linear") -> Tensor:
    if mode == "linear":
        return 1 - pairs.iou
    if mode == "square":
        return 1 - pairs.iou.square()
    if mode == "log":
        return -pairs.iou.clamp(min=pairs.eps).log()
    raise InputError(f"mode: {mode!r} is unknown, one of linear, square, log is right")


def _giou(pairs: BoxPairs) -> Tensor:
    # Both areas have the same floor, so that U / C is 1 for two equal points.
    return 2 - pairs.iou - pairs.union / area(pairs.enclosing).clamp(min=pairs.eps**2)


def _diou(pairs: BoxPairs) -> Tensor:
    return 1 - pairs.iou + pairs.distance2 / pairs.diagonal2


def _aspect(pairs: BoxPairs) -> tuple[Tensor, Tensor]:
    """CIoU's v, (N,), and its weight α without gradient."""
    w, h = pairs.wh.unbind()
    w_target, h_target = pairs.wh_target.unbind()
    # The difference of two angles is the angle between the two diagonals; a point has none.
    cosine = (w * w_target + h * h_target).clamp(min=pairs.eps**2)
    angle = torch.atan((w_target * h - h_target * w) / cosine)
    v = (4 / math.pi**2) * (angle * angle)
    detached = v.detach()
    return v, detached / (1 - pairs.iou.detach() + detached).clamp(min=pairs.eps)


def _ciou(pairs: BoxPairs) -> Tensor:
    v, alpha = _aspect(pairs)
    return _diou(pairs) + alpha * v


def _eiou(pairs: BoxPairs) -> Tensor:
    return _diou(pairs) + squared_length(pairs.delta_wh / pairs.enclosing.clamp(min=pairs.eps))


def _siou(pairs: BoxPairs, theta: float = 4.0) -> Tensor:
    if theta < 1:
        raise InputError(f"theta: {theta} is given, 1 or more is right (the paper has 2 to 6)")
    dx, dy = pairs.delta_centre.abs().unbind()
    # sin 2φ of the angle φ between the line of the centres and an axis: the paper has 1 - 2 sin²(φ - π/4).
    angle_cost = 2 * dx * dy / pairs.distance2.clamp(min=pairs.eps**2)
    shift = pairs.delta_centre / pairs.enclosing.clamp(min=pairs.eps)
    distance = 1 - torch.exp((angle_cost - 2) * (shift * shift))
    longer = pairs.wh_target + pairs.delta_wh.relu()
    shape = (1 - torch.exp(-pairs.delta_wh.abs() / longer.clamp(min=pairs.eps))).pow(theta)
    return 1 - pairs.iou + (distance + shape).sum(0) / 2


def _mpdiou(pairs: BoxPairs, img_shape: tuple[int, int] | None = None) -> Tensor:
    diagonal2 = pairs.diagonal2 if img_shape is None else img_shape[0] ** 2 + img_shape[1] ** 2
    return 1 - pairs.iou + (squared_length(pairs.delta_lt) + squared_length(pairs.delta_rb)) / diagonal2


def _alpha_ciou(pairs: BoxPairs, alpha: float = 3.0) -> Tensor:
    if alpha < 1:
        raise InputError(
            f"alpha: {alpha} is given, 1 or more is right: below it the slope at a perfect box is infinite"
        )
    v, weight = _aspect(pairs)
    return 1 - pairs.iou.pow(alpha) + (pairs.distance2 / pairs.diagonal2).pow(alpha) + (weight * v).pow(alpha)


def _wiou(pairs: BoxPairs) -> Tensor:
    # Only of a box that is inside out is the share above 1.
    return torch.exp((pairs.distance2 / pairs.diagonal2.detach()).clamp(max=1)) * (1 - pairs.iou)


def _inner_ciou(pairs: BoxPairs, ratio: float = 0.7) -> Tensor:
    if ratio <= 0:
        raise InputError(f"ratio: {ratio} is given, above 0 is right (the paper has 0.5 to 1.5)")
    return _ciou(pairs) + pairs.iou - pairs.scaled(ratio).iou


def _focal_eiou(pairs: BoxPairs, gamma: float = 0.5) -> Tensor:
    if gamma < 0:
        raise InputError(f"gamma: {gamma} is given, 0 or more is right")
    # The floor leaves boxes apart a direction.
    return pairs.iou.detach().pow(gamma).clamp(min=pairs.eps) * _eiou(pairs)


KINDS: dict[str, Callable[..., Tensor]] = {
    "iou": _iou,
    "giou": _giou,
    "diou": _diou,
    "ciou": _ciou,
    "eiou": _eiou,
    "siou": _siou,
    "mpdiou": _mpdiou,
    "alpha_ciou": _alpha_ciou,
    "wiou": _wiou,
    "inner_ciou": _inner_ciou,
    "focal_eiou": _focal_eiou,
}
"""Each kind's loss of (N,) pairs."""


class BBoxIoULoss(nn.Module):
    """What the modules share. In a head that predicts deltas they need `reg_decoded_bbox=True`.

    Args:
        eps: the floor, in pixels, of lengths that are divided by; areas and squared lengths have its square.
        reduction: `"none"`, `"mean"` or `"sum"`.
        loss_weight: factor of the loss.
        **options: of the kind.

    Raises:
        InputError: for an option that the kind has not, or one out of range.
    """

    kind: ClassVar[str]

    def __init__(self, eps: float = 1e-6, reduction: str = "mean", loss_weight: float = 1.0, **options: Any) -> None:
        super().__init__()
        self.eps, self.reduction, self.loss_weight, self.options = eps, reduction, loss_weight, options
        _, *known = inspect.signature(KINDS[self.kind]).parameters
        for name in options:
            if name not in known:
                own = type(self).__name__
                hint = f"; mmdet.{own} is MMDetection's" if hasattr(mmdet.models.losses, own) else ""
                raise InputError(f"{own} takes no argument {name!r}{hint}")
        bbox_iou_loss(torch.zeros(0, 4), torch.zeros(0, 4), self.kind, eps, **options)  # refuses one out of range

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Loss of a batch.

        Args:
            pred: (N, 4), xyxy in pixels.
            target: (N, 4), xyxy in pixels.
            weight: (N,) or (N, 4), of each box.
            avg_factor: what the sum is divided by in place of N.
            reduction_override: in place of the module's own.

        Returns:
            A number, or (N,) without a reduction; 0, with a gradient, for no box.

        Raises:
            InputError: for boxes of other shapes.
            ValueError: for `avg_factor` with the reduction `"sum"`.
        """
        if weight is not None and weight.ndim > 1:
            weight = weight.mean(-1)
        loss = self.loss_weight * self.loss_of_pairs(_pairs(pred, target, self.eps), weight)
        reduction = reduction_override or self.reduction
        if not len(loss) and avg_factor is None and reduction == "mean":
            reduction = "sum"  # the mean of nothing is not a number
        return weight_reduce_loss(loss, weight, reduction, avg_factor)

    def loss_of_pairs(self, pairs: BoxPairs, weight: Tensor | None = None) -> Tensor:
        """(N,) of N pairs. Their weights (N,) are not multiplied in here."""
        return KINDS[self.kind](pairs, **self.options)

    def extra_repr(self) -> str:
        shown = {"loss_weight": self.loss_weight, "reduction": self.reduction, "eps": self.eps, **self.options}
        return ", ".join(f"{name}={value}" for name, value in shown.items())


@MODELS.register_module()
class IoULoss(BBoxIoULoss):
    """`-log(IoU)` of `UnitBox <https://arxiv.org/abs/1608.01471>`_, or `1 - IoU`, or `1 - IoU²`, as in MMDetection.

    Boxes apart learn nothing.

    Args:
        linear: the older way to say `mode="linear"`, as in MMDetection.
        eps: the floor, in pixels, of lengths that are divided by, and of the IoU in the logarithm.
        reduction: `"none"`, `"mean"` or `"sum"`.
        loss_weight: factor of the loss.
        mode: `"log"`, `"linear"` or `"square"`.
    """

    kind = "iou"

    def __init__(
        self,
        linear: bool = False,
        eps: float = 1e-6,
        reduction: str = "mean",
        loss_weight: float = 1.0,
        mode: str = "log",
    ) -> None:
        super().__init__(eps, reduction, loss_weight, mode="linear" if linear else mode)


@MODELS.register_module()
class GIoULoss(BBoxIoULoss):
    """`Generalized IoU <https://arxiv.org/abs/1902.09630>`_: `1 - IoU + (C - U) / C`, between 0 and 2.

    C is the area of the smallest box around the two, U that of their union.
    """

    kind = "giou"


@MODELS.register_module()
class DIoULoss(BBoxIoULoss):
    """`Distance-IoU <https://arxiv.org/abs/1911.08287>`_: `1 - IoU + ρ²/c²`, between 0 and 2.

    ρ is the distance between the centres, c the diagonal of the smallest box around the two.
    """

    kind = "diou"


@MODELS.register_module()
class CIoULoss(BBoxIoULoss):
    """`Complete IoU <https://arxiv.org/abs/1911.08287>`_: `1 - IoU + ρ²/c² + αv`.

    v is `4/π² (atan(w_gt/h_gt) - atan(w/h))²` and α, without gradient, `v / (1 - IoU + v)`. MMDetection's follows the
    `later paper <https://arxiv.org/abs/2005.03572>`_, where α is 0 up to an IoU of 0.5, and clamps the loss at 2.
    """

    kind = "ciou"


@MODELS.register_module()
class EIoULoss(BBoxIoULoss):
    """`Efficient IoU <https://arxiv.org/abs/2101.08158>`_: `1 - IoU + ρ²/c² + (w - w_gt)²/c_w² + (h - h_gt)²/c_h²`.

    c_w and c_h are the sides of the smallest box around the two. MMDetection's loss of this name is another one,
    Extended-IoU: `mmdet.EIoULoss`.
    """

    kind = "eiou"


@MODELS.register_module()
class SIoULoss(BBoxIoULoss):
    """`SIoU <https://arxiv.org/abs/2205.12740>`_: `1 - IoU + (Δ + Ω) / 2`, of distance and shape.

    With φ the angle between the line of the centres and an axis, and Λ = sin 2φ, Δ is the sum over x and y of
    `1 - exp(-(2 - Λ) (d/c)²)`, d being the centres' offset and c the enclosing box's side. Ω is the sum over w and h of
    `(1 - exp(-|w - w_gt| / max(w, w_gt)))^θ`. In MMDetection's Δ falls with the distance, unless it is given
    `neg_gamma=True`, and the loss is clamped at 2.

    Args:
        theta: how late the term of shape sets in, 4 unless given; the paper has 2 to 6.
    """

    kind = "siou"


@MODELS.register_module()
class MPDIoULoss(BBoxIoULoss):
    """`MPDIoU <https://arxiv.org/abs/2307.07662>`_: `1 - IoU + (d₁² + d₂²) / d²`, of two corners' distances.

    Args:
        img_shape: height and width of the image in pixels, whose diagonal the paper takes for d. Without them d is
            the diagonal of the smallest box around the two, which makes the loss independent of scale.
    """

    kind = "mpdiou"


@MODELS.register_module()
class AlphaIoULoss(BBoxIoULoss):
    """`α-IoU <https://arxiv.org/abs/2110.13675>`_ of CIoU: `1 - IoU^α + (ρ²/c²)^α + (βv)^α`, β being CIoU's α.

    Args:
        alpha: the power, 3 unless given, 1 or more; above 1 boxes of high IoU weigh more.
    """

    kind = "alpha_ciou"


@MODELS.register_module()
class InnerIoULoss(BBoxIoULoss):
    """`Inner-IoU <https://arxiv.org/abs/2311.02877>`_ of CIoU: `CIoU's loss + IoU - IoU_inner`.

    The inner IoU is that of both boxes scaled about their centres.

    Args:
        ratio: of the scaled boxes, 0.7 unless given; below 1 is for boxes that already fit, above 1 for small objects.
    """

    kind = "inner_ciou"


@MODELS.register_module()
class FocalEIoULoss(BBoxIoULoss):
    """`Focal-EIoU <https://arxiv.org/abs/2101.08158>`_: `IoU^γ` times EIoU's loss.

    The weight is without gradient, where the paper says nothing: with one, a box of small IoU would lower its loss by
    moving away. It is at least `eps`, so that boxes apart keep a direction.

    Args:
        gamma: how much less boxes of small IoU count, 0.5 unless given.
    """

    kind = "focal_eiou"
