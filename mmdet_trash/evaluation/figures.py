"""What an analysis gives, by name (see `mmdet_trash.evaluation.analysis`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PrCurves:
    """Precision by recall at IoU 0.5, as COCO interpolates it: the best at that recall or beyond.

    Attributes:
        recall: (101,), 0 to 1.
        precision: (C, 101), of each class; NaN where the ground truth has none of it.
    """

    recall: np.ndarray
    precision: np.ndarray


@dataclass(frozen=True)
class ConfidenceCurves:
    """What remains right when boxes under a score are dropped, at IoU 0.5; counted, not interpolated.

    Precision is NaN where no box remains, recall and F1 where there is nothing to find.

    Attributes:
        thresholds: (T,), boxes of this score or more remain.
        precision: (T,), of all classes' boxes together.
        recall: (T,).
        f1: (T,).
        best: the threshold of the highest F1, the lowest among equals; NaN where there is nothing to find.
        class_precision: (C, T), of each class.
        class_recall: (C, T).
        class_f1: (C, T).
        class_best: (C,), NaN for a class with nothing to find.
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    best: float
    class_precision: np.ndarray
    class_recall: np.ndarray
    class_f1: np.ndarray
    class_best: np.ndarray


@dataclass(frozen=True)
class Reliability:
    """How far scores are chances of being right, at IoU 0.5.

    Attributes:
        edges: (B + 1,), of equal bins between 0 and 1. A bin holds its lower edge; the last holds 1 too.
        counts: (B,) int64, boxes in each bin. A score above 1 counts as 1.
        score: (B,), their mean score; NaN in an empty bin.
        right: (B,), the share of them that is right; NaN in an empty bin.
        ece: expected calibration error, the mean over boxes of their bin's |score - right| (Guo et al., 2017, eq. 3);
            NaN without boxes.
        mce: the largest of the bins' (eq. 5).
    """

    edges: np.ndarray
    counts: np.ndarray
    score: np.ndarray
    right: np.ndarray
    ece: float
    mce: float


@dataclass(frozen=True)
class ErrorKind:
    """How often an error is made and what it costs (TIDE, section 2.3).

    Attributes:
        count: boxes of this kind.
        cost: how much mAP50 would rise, were they put right; NaN where there is nothing to find.
    """

    count: int
    cost: float


@dataclass(frozen=True)
class SizeFigures:
    """Of boxes of a size; NaN where there is none to find.

    Attributes:
        boxes: true ones.
        ap50: average precision at IoU 0.5.
        ap: over IoU 0.5:0.95.
        ar: average recall over IoU 0.5:0.95, of at most 100 boxes an image and class.
    """

    boxes: int
    ap50: float
    ap: float
    ar: float


@dataclass(frozen=True)
class SliceFigures:
    """Of some of the images alone.

    Attributes:
        images: how many.
        boxes: true ones in them.
        summary: mAP50 and the rest of `SUMMARY`, by name; NaN where there is nothing to find.
    """

    images: int
    boxes: int
    summary: dict[str, float]


@dataclass(frozen=True)
class ImageCounts:
    """Of each of M images, at a score threshold and IoU 0.5.

    Attributes:
        right: (M,) int64, boxes that find an object.
        false: (M,) int64, boxes that find none.
        missed: (M,) int64, objects that no box finds.
        f1: (M,), NaN where there is neither an object nor a box.
    """

    right: np.ndarray
    false: np.ndarray
    missed: np.ndarray
    f1: np.ndarray


@dataclass(frozen=True)
class Difference:
    """Of a figure between two predictions.

    Attributes:
        delta: the second's figure minus the first's.
        low: where the middle 95 % of the resampled differences begin.
        high: where they end.
    """

    delta: float
    low: float
    high: float
