"""Which boxes are right."""

import numpy as np
from numba import njit

from mmdet_trash.predictions import Predictions


def are_right(predictions: Predictions, truth: Predictions, iou_thr: float = 0.5) -> np.ndarray:
    """Which boxes find an object.

    As COCO matches them: by falling score, each to the free true box of its class that it overlaps most, if by at least
    `iou_thr`.

    Args:
        predictions: N boxes.
        truth: the true boxes of the same images.
        iou_thr: between 0 and 1.

    Returns:
        (N,) bool.
    """
    images = np.arange(len(predictions.images) + 1)
    starts, true_starts = (np.searchsorted(p.image_index, images) for p in (predictions, truth))
    ranked = np.lexsort((-predictions.scores, predictions.image_index))
    right = np.empty(len(predictions), np.bool_)
    right[ranked] = _match(
        starts,
        predictions.bboxes[ranked],
        predictions.labels[ranked],
        true_starts,
        truth.bboxes,
        truth.labels,
        iou_thr,
    )
    return right


@njit(nogil=True, cache=True, error_model="numpy")
def _match(
    starts: np.ndarray,
    bboxes: np.ndarray,
    labels: np.ndarray,
    true_starts: np.ndarray,
    true_bboxes: np.ndarray,
    true_labels: np.ndarray,
    iou_thr: float,
) -> np.ndarray:
    right = np.zeros(len(labels), np.bool_)
    free = np.ones(len(true_labels), np.bool_)
    for image in range(len(starts) - 1):
        for row in range(starts[image], starts[image + 1]):
            x1, y1, x2, y2 = bboxes[row]
            match, match_iou = -1, iou_thr
            for true in range(true_starts[image], true_starts[image + 1]):
                if not free[true] or true_labels[true] != labels[row]:
                    continue
                t1, u1, t2, u2 = true_bboxes[true]
                inter = max(0.0, min(x2, t2) - max(x1, t1)) * max(0.0, min(y2, u2) - max(y1, u1))
                iou = inter / ((x2 - x1) * (y2 - y1) + (t2 - t1) * (u2 - u1) - inter)
                if iou >= match_iou:
                    match, match_iou = true, iou
            if match >= 0:
                free[match] = False
                right[row] = True
    return right
