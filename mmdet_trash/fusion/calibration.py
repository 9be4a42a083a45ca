"""Scores of one model as what they are worth, so that models can be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import Predictions

KINDS = ("isotonic", "platt", "rank", "min_max")
"""The first two are fitted to whether boxes were right, the others to the scores alone."""
FEWEST = 100
"""Boxes of a class from which it gets a curve of its own."""
KEEP_ORDER = 1e-3
"""Share of the score itself in a fitted curve: where it is flat, boxes would lose their order."""
ENDS = (0.01, 0.99)
"""Quantiles that `min_max` takes for the ends, so that no single outlier says them."""


@dataclass(frozen=True)
class Calibration:
    """One curve a class, from a model's score to a calibrated one, straight between its knots.

    Attributes:
        kind: how it was fitted, one of `KINDS`.
        curves: one a class in label order, or a single one for all: the scores of its knots, rising, and their values.
    """

    kind: str
    curves: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"calibration {self.kind!r} is unknown, one of {', '.join(KINDS)} is right")
        for knots, values in self.curves:
            numbers = np.array([*knots, *values], dtype=np.float64)
            rising = np.all(np.diff(knots) > 0) and np.all(np.diff(values) >= 0)
            if len(knots) != len(values) or len(knots) == 0 or not rising or not np.isfinite(numbers).all():
                raise InputError("calibration: a curve is rising finite knots and as many values that do not fall")
            if min(values) < 0:
                raise InputError(f"calibration: a curve reaches {min(values)}, no score is below 0")

    def apply(self, predictions: Predictions) -> Predictions:
        """The same boxes with calibrated scores.

        Raises:
            InputError: when there are curves for another number of classes.
        """
        classes = len(predictions.images.classes)
        if len(self.curves) not in (1, classes):
            raise InputError(f"calibration has curves of {len(self.curves)} classes, the data has {classes}")
        if len(self.curves) == 1:
            scores = np.interp(predictions.scores, *self.curves[0])
        else:
            scores = np.empty_like(predictions.scores)
            for label, curve in enumerate(self.curves):
                of_class = predictions.labels == label
                scores[of_class] = np.interp(predictions.scores[of_class], *curve)
        return replace(predictions, scores=scores)

    def to_dict(self) -> dict[str, Any]:
        """As plain lists and numbers."""
        return {"kind": self.kind, "curves": [{"x": list(x), "y": list(y)} for x, y in self.curves]}

    @classmethod
    def from_dict(cls, content: Any) -> Calibration:
        """What `to_dict` wrote.

        Raises:
            InputError: when it is no calibration.
        """
        try:
            curves = tuple((tuple(map(float, c["x"])), tuple(map(float, c["y"]))) for c in content["curves"])
            return cls(content["kind"], curves)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("calibration: `kind` and `curves`, each of `x` and `y`, are right") from None


def fit_calibration(kind: str, scores: np.ndarray, labels: np.ndarray, right: np.ndarray, classes: int) -> Calibration:
    """Fit one model's calibration, on predictions of images that it was not trained on.

    A class with fewer than `FEWEST` boxes, or whose boxes are all right or all wrong, takes the curve of all classes
    together.

    Args:
        kind: `"isotonic"` or `"platt"` (the share of right boxes against the score, by isotonic or logistic
            regression), `"rank"` (the share of boxes with a lower score) or `"min_max"` (from 0 to 1 between the 1st
            and the 99th percentile).
        scores: (N,) of one model's boxes.
        labels: (N,) int64.
        right: (N,) bool, whether each box finds an object, see `mmdet_trash.predictions.matching.are_right`. Only the
            first two kinds look at it.
        classes: number of classes.

    Raises:
        InputError: for another kind.
    """
    if kind not in KINDS:
        raise InputError(f"calibration {kind!r} is unknown, one of {', '.join(KINDS)} is right")
    pooled = _curve(kind, scores, right)
    curves = []
    for label in range(classes):
        of_class = labels == label
        found, enough = right[of_class].sum(), of_class.sum() >= FEWEST
        mixed = kind in ("rank", "min_max") or 0 < found < of_class.sum()
        curves.append(_curve(kind, scores[of_class], right[of_class]) if enough and mixed else pooled)
    return Calibration(kind, tuple(curves))


def _curve(kind: str, scores: np.ndarray, right: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    knots, values = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    if kind == "rank" and len(scores):
        levels = np.linspace(0, 1, 101)
        knots, first = np.unique(np.quantile(scores, levels), return_index=True)
        values = levels[first]
    elif kind == "min_max" and len(scores):
        low, high = np.quantile(scores, ENDS)
        knots, first = np.unique([0.0, low, high, max(1.0, scores.max())], return_index=True)
        values = np.array([0.0, *ENDS, 1.0])[first]
    elif kind == "isotonic" and right.any():
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, right.astype(float))
        knots, values = fitted.X_thresholds_, fitted.y_thresholds_
    elif kind == "platt" and 0 < right.sum() < len(right):
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression().fit(_logit(scores)[:, None], right)
        knots = np.linspace(0, 1, 201)
        values = fitted.predict_proba(_logit(knots)[:, None])[:, 1]
    if kind in ("isotonic", "platt"):
        most = max(1.0, knots[-1])
        knots, first = np.unique([0.0, *knots, most], return_index=True)
        values = np.array([values[0], *values, values[-1]])[first]
        values = np.maximum.accumulate((1 - KEEP_ORDER) * values + KEEP_ORDER * knots)
    return tuple(knots.tolist()), tuple(values.tolist())


def _logit(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores, 1e-4, 1 - 1e-4)
    return np.log(clipped / (1 - clipped))
