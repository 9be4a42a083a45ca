"""mAP50 by score threshold and by non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdet_trash.evaluation.coco import Map50
from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.predictions import Predictions


@dataclass(frozen=True)
class Sweep:
    """What dropping boxes does.

    Attributes:
        score_thrs: S thresholds.
        nms_ious: I thresholds; None for no suppression.
        map50: (S, I), with the boxes of that score or more that suppression leaves.
        boxes: (S, I) int64, how many these are.
    """

    score_thrs: tuple[float, ...]
    nms_ious: tuple[float | None, ...]
    map50: np.ndarray
    boxes: np.ndarray


def sweep(
    coco: dict[str, Any],
    predictions: Predictions,
    score_thrs: Sequence[float],
    nms_ious: Sequence[float | None],
) -> Sweep:
    """Score predictions with fewer and fewer boxes, all cut at their images' borders, as fusion cuts them.

    Args:
        coco: the ground truth, as `load_annotations` gives it.
        predictions: boxes, of scores of 0 or more.
        score_thrs: boxes of a lower score are dropped.
        nms_ious: a box that overlaps another of its class and of a higher score by more is dropped; None keeps all.

    Raises:
        InputError: when there is nothing to find in these images, or a score or threshold is below 0.
    """
    score = Map50(coco, predictions.images)
    predictions = predictions.cut()
    map50, boxes = np.empty((len(score_thrs), len(nms_ious))), np.empty((len(score_thrs), len(nms_ious)), np.int64)
    for column, iou in enumerate(nms_ious):
        left = predictions if iou is None else fuse([predictions], FusionSettings(method="nms", iou_thr=iou))
        for row, threshold in enumerate(score_thrs):
            # Suppression goes by falling score: what is dropped after it would not have changed it.
            kept = left.select(left.scores >= threshold)
            map50[row, column], boxes[row, column] = score(kept), len(kept)
    return Sweep(tuple(score_thrs), tuple(nms_ious), map50, boxes)
