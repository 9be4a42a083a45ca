"""What the compiled functions take: boxes and settings as plain arrays and numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mmdet_trash.errors import InputError
from mmdet_trash.fusion.settings import CONF_TYPES, METHODS, FusionSettings


class Detections(NamedTuple):
    """The boxes of all models in M images, ready to be fused: image after image, and in an image model after model.

    Attributes:
        starts: (M,) int64, the row where each image's boxes start.
        ends: (M,) int64, the row behind its last; there is room up to the next start.
        shares: (N, 4) float64, xyxy in shares of the image's size.
        scores: (N,) float64, times the model's weight.
        models: (N,) int64.
        labels: (N,) int64.
        sizes: (M, 2) float64, width and height in pixels.
    """

    starts: np.ndarray
    ends: np.ndarray
    shares: np.ndarray
    scores: np.ndarray
    models: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray


class Plan(NamedTuple):
    """How to fuse, for T models and C classes.

    Attributes:
        method: `WBF` to `SOFT_NMS`.
        rule: how WBF scores a cluster, `AVG` to `NOISY_OR`.
        weights: (C, T) float64, which scores are multiplied by; 0 leaves a model out.
        divisors: (C,) float64, which scores are then divided by.
        skip: (C, T) float64, boxes of a lower score are left out; infinite where the weight is 0.
        iou_thr: (C,) float64.
        final_thr: (C,) float64, fused boxes of a lower score are left out.
        allows_overflow: whether `AVG` may pass 1.
        one_vote: whether a model's second box in a cluster is dropped.
        absent_score: what a model without a box in a cluster gives it at most, under `MODEL_MAX` and `NOISY_OR`.
        sigma: of soft-NMS.
        soft_thr: boxes that soft-NMS lets sink so low are left out.
        decay_sigma: sigma of the soft-NMS that the fused boxes go through; 0 for none.
        decay_iou_thr: the overlap above which it works.
        most: fused boxes an image at most.
        border: where fused boxes are cut, in shares of the image's size.
    """

    method: int
    rule: int
    weights: np.ndarray
    divisors: np.ndarray
    skip: np.ndarray
    iou_thr: np.ndarray
    final_thr: np.ndarray
    allows_overflow: bool
    one_vote: bool
    absent_score: float
    sigma: float
    soft_thr: float
    decay_sigma: float
    decay_iou_thr: float
    most: int
    border: float


def make_plan(settings: FusionSettings, models: int, classes: int) -> Plan:
    """Settings as the compiled functions take them, for so many models and classes.

    Raises:
        InputError: when a setting is for another number of models or classes.
    """
    weights = np.ones((classes, models))
    if settings.weights is not None:
        rows = [_spread("weights of a model", weight, classes, "classes") for weight in settings.weights]
        weights = np.ascontiguousarray(_counted("weights", rows, models, "models").T)
    divisors = np.ones(classes)
    if settings.method == "nmw":
        weights = weights / np.maximum(weights.max(axis=1, keepdims=True), np.finfo(float).tiny)
    elif settings.method in ("nms", "soft_nms") and settings.weights is not None:
        divisors = np.array([row[row > 0].sum() if row.any() else 1.0 for row in weights])
    skip = _spread("skip_box_thr", settings.skip_box_thr, models, "models")
    return Plan(
        method=METHODS.index(settings.method),
        rule=CONF_TYPES.index(settings.conf_type),
        weights=weights,
        divisors=divisors,
        skip=np.where(weights > 0, skip, np.inf),
        iou_thr=_spread("iou_thr", settings.iou_thr, classes, "classes"),
        final_thr=_spread("score_thr", settings.score_thr, classes, "classes"),
        allows_overflow=settings.allows_overflow,
        one_vote=settings.one_vote,
        absent_score=float(settings.absent_score),
        sigma=float(settings.sigma),
        soft_thr=float(settings.soft_thr),
        decay_sigma=float(settings.decay_sigma or 0),
        decay_iou_thr=float(settings.decay_iou_thr),
        most=settings.max_per_img or np.iinfo(np.int64).max,
        border=1.0,
    )


def _spread(name: str, value: float | Sequence[float], count: int, of: str) -> np.ndarray:
    return _counted(name, np.full(count, value) if np.isscalar(value) else value, count, of)


def _counted(name: str, values: Any, count: int, of: str) -> np.ndarray:
    if len(values) != count:
        raise InputError(f"{name}: {len(values)} numbers for {count} {of}, one for each is right")
    return np.array(values, dtype=np.float64)
