"""Which true box each predicted box finds, as COCO matches them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from mmdet_trash.predictions.columns import ImageTable, Predictions

FALSE, IGNORED = -1, -2
"""In the place of a true box: there is none; the box counts neither way."""
AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""COCO's sizes of objects, in square pixels; both ends belong to each."""
MAX_DETS = 100
"""Boxes of an image and class that count, the best."""


@dataclass(frozen=True)
class TrueBoxes:
    """The boxes that there are to find. Rows are sorted by image; within an image they keep the file's order.

    Attributes:
        images: the M images.
        annotations: (G,) int64, position among the annotations that are about these images.
        image_index: (G,) int64, position in `images`.
        labels: (G,) int64, position in `images.classes`.
        boxes_xywh: (G, 4) float64, in pixels.
        areas: (G,) float64, as annotated.
        crowds: (G,) bool, whether a box holds a crowd: it need not be found, and what lies in it is not wrong.
    """

    images: ImageTable
    annotations: np.ndarray
    image_index: np.ndarray
    labels: np.ndarray
    boxes_xywh: np.ndarray
    areas: np.ndarray
    crowds: np.ndarray

    @classmethod
    def of(cls, truth: dict[str, Any], images: ImageTable) -> TrueBoxes:
        """Take those of a ground truth as `mmdet_trash.evaluation.coco.ground_truth` gives it."""
        annotations = truth["annotations"]
        # There, images are numbered in the order of their ids.
        index = np.argsort(images.ids)[[a["image_id"] for a in annotations]]
        order = np.argsort(index, kind="stable")
        columns = (
            np.array([a[name] for a in annotations], dtype)
            for name, dtype in (
                ("category_id", np.int64),
                ("bbox", np.float64),
                ("area", np.float64),
                ("iscrowd", bool),
            )
        )
        labels, boxes, areas, crowds = columns
        return cls(images, order, index[order], labels[order], boxes.reshape(-1, 4)[order], areas[order], crowds[order])

    def __len__(self) -> int:
        return len(self.labels)

    def counted(self, area: tuple[float, float] = AREAS["all"]) -> np.ndarray:
        """(G,) bool: which are to be found, all but crowds, where only boxes of such an area are."""
        return ~self.crowds & (self.areas >= area[0]) & (self.areas <= area[1])


def match(
    truth: TrueBoxes,
    predictions: Predictions,
    iou_thrs: np.ndarray,
    area: tuple[float, float] = AREAS["all"],
) -> np.ndarray:
    """Which true box each box finds.

    As COCO matches them: by falling score, each to the free true box of its class that it overlaps most, if by the
    threshold or more. Boxes in a crowd are ignored; so are those after the best `MAX_DETS` of an image and class.

    Args:
        truth: the true boxes.
        predictions: N boxes of the same images.
        iou_thrs: (T,) overlaps.
        area: only true boxes of such an area, in square pixels, are to be found. Boxes that find another are ignored,
            and those that find none and are of another area themselves.

    Returns:
        (T, N) int64: the row of the true box, or `FALSE` or `IGNORED`.
    """
    images = np.arange(len(truth.images) + 1)
    starts, true_starts = (np.searchsorted(boxes.image_index, images) for boxes in (predictions, truth))
    ranked = np.lexsort((-predictions.scores, predictions.image_index))
    boxes = predictions.bboxes[ranked]
    boxes[:, 2:] -= boxes[:, :2]
    areas = boxes[:, 2] * boxes[:, 3]
    found = np.empty((len(iou_thrs), len(predictions)), np.int64)
    found[:, ranked] = _match(
        starts,
        boxes,
        predictions.labels[ranked],
        (areas < area[0]) | (areas > area[1]),
        true_starts,
        truth.boxes_xywh,
        truth.labels,
        truth.crowds,
        ~truth.counted(area),
        np.minimum(iou_thrs, 1 - 1e-10),
    )
    return found


def are_right(predictions: Predictions, truth: Predictions, iou_thr: float = 0.5) -> np.ndarray:
    """Which boxes find an object; as `match`, of a truth without crowds.

    Args:
        predictions: N boxes.
        truth: the true boxes of the same images.
        iou_thr: between 0 and 1.

    Returns:
        (N,) bool.
    """
    rows, sides = np.arange(len(truth)), truth.bboxes[:, 2:] - truth.bboxes[:, :2]
    boxes = np.hstack([truth.bboxes[:, :2], sides])
    crowds = np.zeros(len(truth), dtype=bool)
    true = TrueBoxes(truth.images, rows, truth.image_index, truth.labels, boxes, sides.prod(axis=1), crowds)
    return match(true, predictions, np.array([iou_thr]))[0] >= 0


@njit(nogil=True, cache=True, error_model="numpy")
def _match(
    starts: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    outside: np.ndarray,
    true_starts: np.ndarray,
    true_boxes: np.ndarray,
    true_labels: np.ndarray,
    crowds: np.ndarray,
    ignored: np.ndarray,
    iou_thrs: np.ndarray,
) -> np.ndarray:
    """`match` of boxes by image and falling score; `outside` and `ignored` say which are not of the area."""
    found = np.full((len(iou_thrs), len(labels)), IGNORED)
    free = np.ones((len(iou_thrs), len(true_labels)), np.bool_)
    for image in range(len(starts) - 1):
        first, last = true_starts[image], true_starts[image + 1]
        for row in range(starts[image], starts[image + 1]):
            rank = 0
            for before in range(starts[image], row):
                rank += labels[before] == labels[row]
            if rank >= MAX_DETS:
                continue
            overlaps = np.empty(last - first)
            for true in range(first, last):
                overlaps[true - first] = overlap(boxes[row], true_boxes[true], crowds[true])
            for level in range(len(iou_thrs)):
                best, best_overlap = FALSE, iou_thrs[level]
                # Those to be ignored are only looked at where no other is found.
                for look_at_ignored in (False, True):
                    if best >= 0:
                        break
                    for true in range(first, last):
                        if true_labels[true] != labels[row] or ignored[true] != look_at_ignored:
                            continue
                        if (free[level, true] or crowds[true]) and overlaps[true - first] >= best_overlap:
                            best, best_overlap = true, overlaps[true - first]
                if best >= 0:
                    free[level, best] = False
                    found[level, row] = IGNORED if ignored[best] else best
                elif not outside[row]:
                    found[level, row] = FALSE
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def overlap(box: np.ndarray, true: np.ndarray, crowd: bool) -> float:
    """IoU of two boxes, xywh; of a crowd, the share of the first that lies in it."""
    width = min(box[0] + box[2], true[0] + true[2]) - max(box[0], true[0])
    height = min(box[1] + box[3], true[1] + true[3]) - max(box[1], true[1])
    if width <= 0 or height <= 0:
        return 0.0
    inter = width * height
    area = box[2] * box[3]
    return inter / (area if crowd else area + true[2] * true[3] - inter)
