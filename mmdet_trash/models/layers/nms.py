"""Suppression of boxes, as types that any `nms=dict(type=…)` of a config can name.

MMDetection's heads suppress by mmcv's `batched_nms`, which moves each class to a place of its own first, so that what
stands here sees boxes of all classes and suppresses within each.
"""

from collections.abc import Callable

import numba
import numpy as np
import torch
from mmcv.ops import batched_nms, nms, soft_nms
from torch import Tensor

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers.box_pairs import BoxPairs

Suppression = Callable[..., tuple[Tensor, Tensor]]

NMS_TYPES: dict[str, Suppression] = {"nms": nms, "soft_nms": soft_nms}
"""What `nms=dict(type=…)` can name for boxes, mmcv's and ours."""


def nms_type(function: Suppression) -> Suppression:
    """Let configs name a function: mmcv looks for the name among its own, in the module of `batched_nms`."""
    batched_nms.__globals__[function.__name__] = function
    NMS_TYPES[function.__name__] = function
    return function


@nms_type
def diou_nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, score_threshold: float = 0.0, max_num: int = -1
) -> tuple[Tensor, Tensor]:
    """Suppress boxes by their distance-IoU with a better one: `IoU - ρ²/c²` in place of the IoU.

    ρ is the distance between two centres, c the diagonal of the smallest box around both. Two objects, one behind the
    other, that overlap without sharing a centre are likelier to be both kept. From `Distance-IoU
    <https://arxiv.org/abs/1911.08287>`_, section "Non-Maximum Suppression using DIoU". Computed on the CPU in float64,
    about as fast as mmcv's `nms` there.

    Args:
        boxes: (N, 4), xyxy in pixels.
        scores: (N,); of equal ones, the first counts as better.
        iou_threshold: the highest distance-IoU that two kept boxes may have, 0 to 1.
        score_threshold: boxes of this score or less are dropped first, if it is above 0.
        max_num: how many are kept at most, if it is above 0.

    Returns:
        The kept boxes with their scores, (n, 5), the best first, and their indices, (n,).

    Raises:
        InputError: for a threshold out of range.

    Example:
        >>> boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 4, 10, 14]])
        >>> diou_nms(boxes, torch.tensor([0.9, 0.8, 0.7]), iou_threshold=0.4)[1]
        tensor([0, 2])
    """
    if not 0 <= iou_threshold <= 1:
        raise InputError(f"iou_threshold: {iou_threshold} is given, 0 to 1 is right")
    order = scores.argsort(descending=True, stable=True)
    if score_threshold > 0:
        order = order[scores[order] > score_threshold]
    kept = _keep_by_diou(boxes.detach()[order].double().cpu().numpy(), iou_threshold)
    return _best(boxes, scores, order[torch.from_numpy(kept).to(order.device)], max_num)


@numba.njit(cache=True)
def _keep_by_diou(boxes: np.ndarray, threshold: float) -> np.ndarray:
    """Which of (N, 4) boxes, the best first, are kept: (N,) bool."""
    kept = np.ones(len(boxes), np.bool_)
    for i in range(len(boxes)):
        if not kept[i]:
            continue
        x1, y1, x2, y2 = boxes[i]
        for j in range(i + 1, len(boxes)):
            left, top, right, bottom = boxes[j]
            w, h = min(x2, right) - max(x1, left), min(y2, bottom) - max(y1, top)
            if not kept[j] or w <= 0 or h <= 0:
                continue
            iou = w * h / ((x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - w * h)
            if iou > threshold:  # the distance-IoU is no higher
                distance2 = ((x1 + x2 - left - right) ** 2 + (y1 + y2 - top - bottom) ** 2) / 4
                diagonal2 = (max(x2, right) - min(x1, left)) ** 2 + (max(y2, bottom) - min(y1, top)) ** 2
                kept[j] = iou - distance2 / diagonal2 <= threshold
    return kept


@nms_type
def matrix_nms(
    boxes: Tensor,
    scores: Tensor,
    kernel: str = "gaussian",
    sigma: float = 2.0,
    min_score: float = 1e-3,
    nms_pre: int = 1000,
    max_num: int = -1,
) -> tuple[Tensor, Tensor]:
    """Lower scores by how much better boxes overlap a box, all at once, in place of removing boxes.

    Matrix NMS of `SOLOv2 <https://arxiv.org/abs/2003.10152>`_, on boxes. A better box counts the less, the more it is
    itself overlapped by one better still.

    Args:
        boxes: (N, 4), xyxy in pixels.
        scores: (N,).
        kernel: `"gaussian"`, whose factor is `exp(-sigma IoU²)`, or `"linear"`, `1 - IoU`.
        sigma: of the Gaussian; it multiplies, as in the release.
        min_score: boxes whose lowered score is below it are dropped.
        nms_pre: how many of the highest scores are looked at; time and memory grow by the square.
        max_num: how many are kept at most, if it is above 0.

    Returns:
        The kept boxes with their lowered scores, (n, 5), the best first, and their indices, (n,).

    Raises:
        InputError: for an unknown kernel.
    """
    if kernel not in ("gaussian", "linear"):
        raise InputError(f"kernel: {kernel!r} is unknown, gaussian or linear is right")
    order = scores.argsort(descending=True, stable=True)[:nms_pre]
    if not len(order):
        return _best(boxes, scores, order, max_num)
    columns = boxes[order].float().t()
    # Of each pair the row is the better box.
    iou = BoxPairs.from_columns(columns[:, :, None], columns[:, None], eps=1e-7).iou.triu(1)
    highest = iou.amax(0)[:, None]
    if kernel == "gaussian":
        factors = torch.exp(sigma * (highest.square() - iou.square()))
    else:
        factors = (1 - iou) / (1 - highest).clamp(min=1e-7)
    lowered = scores.clone()
    lowered[order] *= factors.amin(0).to(scores)
    keep = order[lowered[order] >= min_score]
    return _best(boxes, lowered, keep[lowered[keep].argsort(descending=True, stable=True)], max_num)


def _best(boxes: Tensor, scores: Tensor, keep: Tensor, max_num: int) -> tuple[Tensor, Tensor]:
    keep = keep[:max_num] if max_num > 0 else keep
    return torch.cat([boxes[keep], scores[keep, None]], 1), keep
