"""What predictions get right and wrong: every figure of an analysis, from one matching with the ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from mmdet_trash.errors import InputError
from mmdet_trash.evaluation.coco import SIZES, SUMMARY, CocoMetrics, as_array, evaluated, ground_truth, metrics_of
from mmdet_trash.evaluation.errors import BoxErrors, Kind, box_errors
from mmdet_trash.evaluation.figures import (
    ConfidenceCurves,
    Difference,
    ErrorKind,
    ImageCounts,
    PrCurves,
    Reliability,
    SizeFigures,
    SliceFigures,
)
from mmdet_trash.evaluation.resampling import RECALLS, draws, weighted_summaries
from mmdet_trash.predictions import Predictions
from mmdet_trash.predictions.matching import AREAS, IGNORED, TrueBoxes, match

LEVELS = np.linspace(0, 1, 101)
"""Thresholds of `Evaluated.confidence_curves`."""
TIDE = {
    "classification": "Cls",
    "localization": "Loc",
    "both": "Both",
    "duplicate": "Dupe",
    "background": "Bkg",
    "missed": "Miss",
    "false positives": "FP",
    "false negatives": "FN",
}
"""hotcoco's names of the kinds of errors."""
IOU_THR = 0.5
"""The overlap from which a box is right, wherever none is given."""


class Evaluated:
    """Predictions matched once with a ground truth, for whatever is asked of them.

    Boxes count as COCO counts them: at most 100 an image and class; those in a crowd count neither way.

    Args:
        coco: the ground truth, as `load_annotations` gives it. Its images that are none of the predictions' are left
            out; it may have no boxes.
        predictions: what to judge; there may be none.

    Attributes:
        predictions: N boxes of M images and C classes.
        true_boxes: what there is to find.
        found: (N,) the row of `true_boxes` that each box finds at IoU 0.5, or `FALSE` or `IGNORED`.

    Raises:
        InputError: when the predictions are about an image that the ground truth does not have, or other categories.
    """

    def __init__(self, coco: dict[str, Any], predictions: Predictions) -> None:
        self.predictions = predictions
        self._truth = ground_truth(coco, predictions.images)
        self.true_boxes = TrueBoxes.of(self._truth, predictions.images)
        self.found = match(self.true_boxes, predictions, np.array([IOU_THR]))[0]
        self._resampled: dict[tuple[int, int], np.ndarray] = {}

    @cached_property
    def metrics(self) -> CocoMetrics:
        """What `evaluate_coco` gives."""
        return metrics_of(self._evaluator, self.predictions.images.classes)

    @cached_property
    def errors(self) -> BoxErrors:
        """Why each box is wrong, and which objects are missed."""
        return box_errors(self.true_boxes, self.predictions, self.found)

    def error_kinds(self) -> dict[str, ErrorKind]:
        """How often each kind of error is made, and how much mAP50 would rise were it put right and all others left.

        A box of wrong class or place becomes right if its object is unfound and no such box of a higher score aims at
        it; else it is dropped, as are boxes of the other kinds. A missed object is no longer to be found. The costs do
        not add up: one error often hides another.

        Returns:
            The five kinds of wrong boxes and `"missed"`, the six of TIDE (see `mmdet_trash.evaluation.errors`); then
            its two special ones, `"false positives"`, all wrong boxes, and `"false negatives"`, all unfound objects.
        """
        kinds = self.errors.kinds
        counts = {kind.name.lower(): int((kinds == kind).sum()) for kind in Kind}
        counts["missed"], counts["false negatives"] = int(self.errors.missed.sum()), int(self.errors.unfound.sum())
        counts["false positives"] = int((kinds > Kind.RIGHT).sum())
        if not self.true_boxes.counted().any():
            return {name: ErrorKind(counts[name], float("nan")) for name in TIDE}
        found = self._without_crowds.tide_errors()
        costs = {name: found["delta_ap"][key] for name, key in TIDE.items()}
        for name, lost in (("missed", self.errors.missed), ("false negatives", self.errors.unfound)):
            costs[name] = self._without_emptied(found["ap_base"], costs[name], lost)
        return {name: ErrorKind(counts[name], costs[name]) for name in TIDE}

    def _without_emptied(self, base: float, cost: float, lost: np.ndarray) -> float:
        """What forgiving lost objects is worth where it leaves classes with neither objects nor boxes.

        Such a class is out of the mean, as in tidecv; hotcoco keeps it with 0.

        Args:
            base: mAP50.
            cost: hotcoco's.
            lost: (G,) bool, the objects that are forgiven.
        """
        labels, counted = self.true_boxes.labels, self.true_boxes.counted()
        there, left = np.unique(labels[counted]), np.unique(labels[counted & ~lost])
        judged = self.predictions.labels[self.errors.kinds != Kind.IGNORED]
        remaining = np.isin(there, np.union1d(left, judged)).sum()
        return (base + cost) * len(there) / remaining - base if remaining else float("nan")

    def resampled(self, samples: int, seed: int) -> np.ndarray:
        """(samples, 12) the figures of `SUMMARY`, in its order, of bootstrap samples of the images."""
        if (samples, seed) not in self._resampled:
            weights = draws(len(self.predictions.images), samples, seed)
            self._resampled[samples, seed] = weighted_summaries(self.true_boxes, self.predictions, weights)
        return self._resampled[samples, seed]

    def intervals(self, samples: int = 200, seed: int = 0) -> dict[str, tuple[float, float]]:
        """95 % intervals of the figures of `SUMMARY`: the middle of a bootstrap over images.

        Each sample draws M images with replacement. Where a figure has nothing to find it is left out of the
        percentiles; NaN where no sample has.

        Args:
            samples: how many to draw.
            seed: of the draws; the same gives the same intervals.
        """
        return _by_name(_middle(self.resampled(samples, seed)))

    def pr_curves(self) -> PrCurves:
        """Precision by recall at IoU 0.5."""
        if self._evaluator is None:
            return PrCurves(RECALLS, np.full((len(self.predictions.images.classes), len(RECALLS)), np.nan))
        precision = np.asarray(self._evaluator.eval["precision"])[0, :, :, 0, -1].T
        return PrCurves(RECALLS, np.where(precision < 0, np.nan, precision))

    def confidence_curves(self, levels: Sequence[float] | np.ndarray = LEVELS) -> ConfidenceCurves:
        """Precision, recall and F1 by the score under which boxes are dropped.

        Args:
            levels: (T,) thresholds, rising.
        """
        levels = np.asarray(levels, np.float64)
        labels, scores, classes = self.predictions.labels, self.predictions.scores, len(self.predictions.images.classes)
        kept = {}
        for name, rows in (("right", self.found >= 0), ("all", self.found != IGNORED)):
            by_class = (np.sort(scores[rows & (labels == label)]) for label in range(classes))
            counts = [len(ordered) - np.searchsorted(ordered, levels) for ordered in by_class]
            kept[name] = np.array(counts, np.int64).reshape(-1, len(levels))
        true = np.bincount(self.true_boxes.labels[self.true_boxes.counted()], minlength=classes)[:, None]
        precision, recall, f1 = _precision_recall_f1(*(n.sum(axis=0) for n in (kept["right"], kept["all"], true)))
        of_class = _precision_recall_f1(kept["right"], kept["all"], true)
        return ConfidenceCurves(
            thresholds=levels,
            precision=precision,
            recall=recall,
            f1=f1,
            best=_best(f1, levels),
            class_precision=of_class[0],
            class_recall=of_class[1],
            class_f1=of_class[2],
            class_best=np.array([_best(f1, levels) for f1 in of_class[2]]),
        )

    def confusion(self, score_thr: float, iou_thr: float = IOU_THR) -> np.ndarray:
        """What classes are taken for.

        Here boxes are matched whatever their class: by falling score, each to the free true box that it overlaps most.
        Boxes that lie in a crowd of their class are left out.

        Args:
            score_thr: boxes of a lower score are left out.
            iou_thr: the overlap from which a box is matched.

        Returns:
            (C + 1, C + 1) int64, rows the true class, columns the predicted; the last stands for the background.
        """
        found = self._without_crowds.confusion_matrix(iou_thr, max_det=len(self.predictions), min_score=score_thr)
        return found["matrix"].astype(np.int64)

    def reliability(self, bins: int = 10) -> Reliability:
        """How far a box's score is its chance of being right.

        Args:
            bins: of scores.
        """
        counted = self.found != IGNORED
        scores, right = self.predictions.scores[counted].clip(0, 1), self.found[counted] >= 0
        edges = np.linspace(0, 1, bins + 1)
        position = np.minimum((scores * bins).astype(np.int64), bins - 1)
        counts, score_sum, right_sum = (np.bincount(position, w, bins) for w in (None, scores, right))
        with np.errstate(invalid="ignore"):
            score, share = score_sum / counts, right_sum / counts
        gaps = np.abs(score - share)[counts > 0]
        if not len(gaps):
            return Reliability(edges, counts, score, share, np.nan, np.nan)
        ece = float(np.average(gaps, weights=counts[counts > 0]))
        return Reliability(edges, counts, score, share, ece, float(gaps.max()))

    def by_size(self) -> dict[str, SizeFigures]:
        """Figures of small, medium and large objects, by the annotation's area."""
        values = np.full((len(SIZES), 3), np.nan)
        if self._evaluator is not None:
            # (IoU threshold, recall, class, area), (IoU threshold, class, area); -1 where there is none to find.
            precision, recall = (np.asarray(self._evaluator.eval[name])[..., -1] for name in ("precision", "recall"))
            for area, row in enumerate(values, start=1):
                for place, figures in enumerate((precision[0, ..., area], precision[..., area], recall[..., area])):
                    row[place] = figures[figures >= 0].mean() if (figures >= 0).any() else np.nan
        boxes = (int(self.true_boxes.counted(AREAS[size]).sum()) for size in SIZES)
        return {size: SizeFigures(count, *row) for size, count, row in zip(SIZES, boxes, values.tolist(), strict=True)}

    def by_images(self, slices: Mapping[str, np.ndarray]) -> dict[str, SliceFigures]:
        """Figures of some of the images alone.

        Args:
            slices: of each name the images it stands for: (M,) bool, or positions in the predictions' image table.
        """
        inside = np.zeros((len(slices), len(self.predictions.images)), np.int64)
        for row, images in zip(inside, slices.values(), strict=True):
            row[np.asarray(images)] = 1
        summaries = weighted_summaries(self.true_boxes, self.predictions, inside)
        counts = zip(inside.sum(axis=1).tolist(), (inside @ self._true_per_image).tolist(), strict=True)
        return {
            name: SliceFigures(*count, _by_name(summary))
            for name, count, summary in zip(slices, counts, summaries.tolist(), strict=True)
        }

    def per_image(self, score_thr: float) -> ImageCounts:
        """What is right and wrong in each image.

        Args:
            score_thr: boxes of a lower score are left out.
        """
        kept, count = self.predictions.scores >= score_thr, len(self.predictions.images)
        index = self.predictions.image_index
        right, everything = (
            np.bincount(index[kept & rows], minlength=count) for rows in (self.found >= 0, self.found != IGNORED)
        )
        true = self._true_per_image
        with np.errstate(invalid="ignore"):
            return ImageCounts(right, everything - right, true - right, 2 * right / (everything + true))

    @cached_property
    def _evaluator(self) -> Any | None:
        """hotcoco's; None where there is nothing to find."""
        return evaluated("hotcoco", self._truth, as_array(self.predictions)) if len(self.true_boxes) else None

    @cached_property
    def _without_crowds(self) -> Any:
        """hotcoco's, without crowds and the boxes that count neither way, which it takes for errors in some places."""
        objects = [a for a in self._truth["annotations"] if not a["iscrowd"]]
        boxes = as_array(self.predictions.select(self.found != IGNORED))
        return evaluated("hotcoco", {**self._truth, "annotations": objects}, boxes)

    @cached_property
    def _true_per_image(self) -> np.ndarray:
        """(M,) int64."""
        index = self.true_boxes.image_index[self.true_boxes.counted()]
        return np.bincount(index, minlength=len(self.predictions.images))


def difference(first: Evaluated, second: Evaluated, samples: int = 200, seed: int = 0) -> dict[str, Difference]:
    """By how much the second's figures of `SUMMARY` are above the first's, and whether more than by chance.

    Both are resampled with the same images, so that what makes a sample hard for both does not count.

    Args:
        first: predictions.
        second: others, of the same images and matched with the same ground truth.
        samples: how many to draw, as in `Evaluated.intervals`.
        seed: of the draws.

    Raises:
        InputError: when they are about other images or categories.
    """
    if not first.predictions.images.same_as(second.predictions.images):
        raise InputError("difference: both predictions must be about the same images and categories, in the same order")
    deltas = (second.metrics.summary[name] - first.metrics.summary[name] for name in SUMMARY)
    intervals = _middle(second.resampled(samples, seed) - first.resampled(samples, seed))
    return _by_name([Difference(delta, *interval) for delta, interval in zip(deltas, intervals, strict=True)])


def _by_name(values: Sequence[Any]) -> dict[str, Any]:
    """Twelve values by the names of `SUMMARY`, mAP50 first."""
    by_name = dict(zip(SUMMARY, values, strict=True))
    return {"mAP50": by_name["mAP50"], **by_name}


def _middle(values: np.ndarray) -> list[tuple[float, float]]:
    """Of each column of (S, K) values that are no NaN, where the middle 95 % begin and end."""
    known = (column[~np.isnan(column)] for column in values.T)
    bounds = (np.percentile(c, [2.5, 97.5]) if len(c) else (np.nan, np.nan) for c in known)
    return [(float(low), float(high)) for low, high in bounds]


def _precision_recall_f1(right: np.ndarray, kept: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of counts of right boxes, of all boxes and of true boxes; NaN for a share of nothing."""
    with np.errstate(invalid="ignore"):
        recall = right / true
        return right / kept, recall, np.where(np.isnan(recall), np.nan, 2 * right / (kept + true))


def _best(f1: np.ndarray, levels: np.ndarray) -> float:
    return float("nan") if np.isnan(f1).any() else float(levels[np.argmax(f1)])
