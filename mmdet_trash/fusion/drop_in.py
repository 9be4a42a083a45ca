"""ensemble-boxes' functions under their own names and signatures, with their results.

What differs from ensemble-boxes 1.0.9, besides speed:

- among equal scores the order is that of the models, then of a model's boxes; theirs follows an unstable sort;
- a model of weight 0 is left out, as if it were not in the lists; theirs joins it to clusters, which it dilutes, and
  may give NaN. A cluster of boxes that all have score 0 keeps the box it began with, where theirs is NaN;
- what is malformed (lengths that differ, NaN, weights that do not fit) raises `InputError`; theirs ends the process,
  or goes on with other weights;
- boxes outside [0, 1] are cut as theirs are, with one warning in all, and the caller's lists stay as they are.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mmdet_trash.errors import InputError
from mmdet_trash.fusion.fuse import fuse_columns
from mmdet_trash.fusion.plan import make_plan
from mmdet_trash.fusion.settings import FusionSettings

Result = tuple[np.ndarray, np.ndarray, np.ndarray]


def weighted_boxes_fusion(
    boxes_list: Sequence[ArrayLike],
    scores_list: Sequence[ArrayLike],
    labels_list: Sequence[ArrayLike],
    weights: Sequence[float] | None = None,
    iou_thr: float = 0.55,
    skip_box_thr: float = 0.0,
    conf_type: str = "avg",
    allows_overflow: bool = False,
) -> Result:
    """Weighted boxes fusion (arXiv 1910.13302) of one image.

    Args:
        boxes_list: of each model (n, 4), xyxy between 0 and 1.
        scores_list: of each model (n,), none below 0.
        labels_list: of each model (n,), integers.
        weights: of each model; None weighs all alike.
        iou_thr: boxes that overlap by more are one object.
        skip_box_thr: boxes of a lower score are left out.
        conf_type: `"avg"`, `"max"`, `"box_and_model_avg"` or `"absent_model_aware_avg"`; also ours, see
            `FusionSettings`.
        allows_overflow: let `"avg"` pass 1 where a cluster has more boxes than there are models.

    Returns:
        The fused boxes (m, 4), scores (m,) and labels (m,), all float64, by falling score.

    Raises:
        InputError: when something given is malformed.
    """
    settings = FusionSettings(
        method="wbf",
        iou_thr=float(iou_thr),
        weights=_as_weights(weights),
        conf_type=conf_type,
        allows_overflow=bool(allows_overflow),
    )
    return _fuse_image(settings, boxes_list, scores_list, labels_list, skip_box_thr)


def non_maximum_weighted(
    boxes_list: Sequence[ArrayLike],
    scores_list: Sequence[ArrayLike],
    labels_list: Sequence[ArrayLike],
    weights: Sequence[float] | None = None,
    iou_thr: float = 0.55,
    skip_box_thr: float = 0.0,
) -> Result:
    """Non-maximum weighted (CAD, ICCV workshops 2017) of one image; arguments as `weighted_boxes_fusion`'s.

    Returns:
        The fused boxes (m, 4), scores (m,) and labels (m,), all float32, by falling score.
    """
    settings = FusionSettings(method="nmw", iou_thr=float(iou_thr), weights=_as_weights(weights))
    boxes, scores, labels = _fuse_image(settings, boxes_list, scores_list, labels_list, skip_box_thr)
    dtype = np.float32 if len(scores) else np.float64  # the library's own
    return boxes.astype(dtype), scores.astype(dtype), labels.astype(dtype)


def nms(
    boxes: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    labels: Sequence[ArrayLike],
    iou_thr: float = 0.5,
    weights: Sequence[float] | None = None,
) -> Result:
    """Non-maximum suppression of one image, class by class; arguments as `weighted_boxes_fusion`'s.

    Returns:
        The boxes kept (m, 4), their scores (m,), times their model's share of the weights if there are any, and labels
        (m,): label after label, each by falling score.
    """
    from mmdet_trash.fusion import kernels

    FusionSettings(iou_thr=float(iou_thr))  # refuses what is not right

    found = _weighted(boxes, scores, labels, weights)
    names, index = np.unique(found[2], return_inverse=True)
    order = np.argsort(-found[1], kind="stable")
    kept = kernels.nms(found[0], found[1], index, order, np.full(len(names), float(iou_thr)))
    kept = kept[np.argsort(index[kept], kind="stable")]
    return found[0][kept], found[1][kept], found[2][kept]


def soft_nms(
    boxes: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    labels: Sequence[ArrayLike],
    method: int = 2,
    iou_thr: float = 0.5,
    sigma: float = 0.5,
    thresh: float = 0.001,
    weights: Sequence[float] | None = None,
) -> Result:
    """Soft-NMS (arXiv 1704.04503) of one image, class by class; arguments as `weighted_boxes_fusion`'s.

    As the library has it, the scores are those from before: soft-NMS says which boxes stay, and in which order. `fuse`
    gives the scores that sank.

    Args:
        boxes: of each model (n, 4), xyxy between 0 and 1.
        scores: of each model (n,).
        labels: of each model (n,).
        method: 1 linear, 2 Gaussian, 3 plain NMS.
        iou_thr: of the linear method and plain NMS.
        sigma: of the Gaussian method.
        thresh: boxes whose score sank to it or below are left out.
        weights: of each model.

    Returns:
        As `nms`.
    """
    from mmdet_trash.fusion import kernels

    if method not in (kernels.LINEAR, kernels.GAUSSIAN, kernels.STANDARD):
        raise InputError(f"method is {method!r}, 1, 2 or 3 is right")
    FusionSettings(iou_thr=float(iou_thr), sigma=float(sigma))  # refuses what is not right
    if method == kernels.STANDARD:
        return nms(boxes, scores, labels, iou_thr, weights)

    found = _weighted(boxes, scores, labels, weights)
    above = iou_thr if method == kernels.LINEAR else 0.0
    parts = [np.zeros(0, np.int64)]
    for label in np.unique(found[2]):
        rows = np.flatnonzero(found[2] == label)
        sunk = found[1][rows]
        order = kernels.soft_nms(found[0][rows].astype(np.float64), sunk, method, above, sigma)
        parts.append(rows[order[sunk > thresh]])
    kept = np.concatenate(parts)
    return found[0][kept], found[1][kept], found[2][kept]


def _fuse_image(
    settings: FusionSettings,
    boxes_list: Sequence[ArrayLike],
    scores_list: Sequence[ArrayLike],
    labels_list: Sequence[ArrayLike],
    skip_box_thr: float,
) -> Result:
    models = _checked(boxes_list, scores_list, labels_list)
    # Compared in the scores' own precision, as the library does.
    strong = [~(scores < skip_box_thr) for _, scores, _ in models]
    boxes, scores, labels = (
        np.concatenate([model[column][keep] for model, keep in zip(models, strong, strict=True)]) for column in range(3)
    )
    if len(scores) == 0:
        return np.zeros((0, 4)), np.zeros(0), np.zeros(0)
    _warn_of_outside(boxes)
    names, index = np.unique(labels.astype(np.int64), return_inverse=True)
    ends = np.cumsum([keep.sum() for keep in strong])
    starts = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1)
    columns = (boxes.astype(np.float64), scores.astype(np.float64), index.reshape(-1))
    plan = make_plan(settings, len(models), len(names))._replace(border=np.inf)
    _, *fused = fuse_columns([columns] * len(models), starts, np.ones((1, 2)), plan)
    return fused[0], fused[1], names[fused[2]].astype(np.float64)


def _weighted(
    boxes_list: Sequence[ArrayLike],
    scores_list: Sequence[ArrayLike],
    labels_list: Sequence[ArrayLike],
    weights: Sequence[float] | None,
) -> Result:
    """The boxes of all models that have an area, cut, their scores times their model's share, and labels."""
    models = _checked(boxes_list, scores_list, labels_list)
    if weights is not None:
        given = np.array(make_plan(FusionSettings(weights=_as_weights(weights)), len(models), 1).weights[0])
        models = [
            (boxes, scores * weight / given[given > 0].sum(), labels)
            for (boxes, scores, labels), weight in zip(models, given, strict=True)
            if weight > 0
        ]
    boxes, scores, labels = (np.concatenate(columns) for columns in zip(*models, strict=True))
    _warn_of_outside(boxes)
    boxes = boxes.clip(0, 1)
    boxes = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
    solid = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) > 0
    return boxes[solid], scores[solid], labels[solid]


def _checked(*lists: Sequence[ArrayLike]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Each model's boxes (n, 4), scores (n,) and labels (n,)."""
    counts = [len(given) for given in lists]
    if len(set(counts)) > 1 or counts[0] == 0:
        raise InputError(f"boxes, scores and labels are of {counts[0]}, {counts[1]} and {counts[2]} models")
    models = []
    for position, given in enumerate(zip(*lists, strict=True), start=1):
        try:
            boxes, scores, labels = (np.asarray(column) for column in given)
            finite = all(np.isfinite(column).all() for column in (boxes, scores, labels))
        except (TypeError, ValueError):
            raise InputError(f"model {position}: boxes, scores or labels are no arrays of numbers") from None
        if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4):
            raise InputError(f"model {position}: boxes are of shape {boxes.shape}, (n, 4) is right")
        if not boxes.size // 4 == scores.size == labels.size:
            raise InputError(f"model {position}: {len(boxes)} boxes, {scores.size} scores, {labels.size} labels")
        if not finite or (scores.size and scores.min() < 0):
            raise InputError(f"model {position}: finite numbers are right, and scores of 0 or more")
        models.append((boxes.reshape(-1, 4), scores.reshape(-1), labels.reshape(-1)))
    return models


def _as_weights(weights: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if weights is None else tuple(float(weight) for weight in weights)


def _warn_of_outside(boxes: np.ndarray) -> None:
    outside = int(((boxes < 0) | (boxes > 1)).any(axis=1).sum())
    if outside:
        message = f"{outside} of {len(boxes)} boxes reach outside [0, 1] and were cut; are they in shares of the image?"
        warnings.warn(message, stacklevel=4)
