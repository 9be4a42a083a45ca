"""Why boxes are wrong, as TIDE tells errors apart (Bolya et al., 2020, arXiv 2008.08115)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit

from mmdet_trash.predictions import Predictions
from mmdet_trash.predictions.matching import IGNORED, TrueBoxes, overlap


class Kind(IntEnum):
    """What a predicted box is (section 2.2), the first that holds.

    A box is right at an overlap of 0.5; under 0.1 an object is background to it.
    """

    IGNORED = -1
    """In a crowd, or after the best 100 of its image and class: it counts neither way."""
    RIGHT = 0
    LOCALIZATION = 1
    """The right class, but the object is overlapped by 0.1 to 0.5."""
    CLASSIFICATION = 2
    """The place of an object of another class."""
    DUPLICATE = 3
    """An object that a box of a higher score has found."""
    BACKGROUND = 4
    """Nothing is there."""
    BOTH = 5
    """Another class's object, overlapped by 0.1 to 0.5."""


@dataclass(frozen=True)
class BoxErrors:
    """What each of N predicted and G true boxes is.

    Attributes:
        kinds: (N,) int8, the `Kind` of each predicted box.
        targets: (N,) int64, the true box that a right box finds and that a box of wrong class or place aims at; for
            others the one it overlaps most, or -1.
        unfound: (G,) bool, the objects that no box finds.
        missed: (G,) bool, those of them that no box of wrong class or place aims at either.
    """

    kinds: np.ndarray
    targets: np.ndarray
    unfound: np.ndarray
    missed: np.ndarray


def box_errors(
    truth: TrueBoxes, predictions: Predictions, found: np.ndarray, iou_thr: float = 0.5, background_thr: float = 0.1
) -> BoxErrors:
    """Say of every box what it is.

    Args:
        truth: the true boxes.
        predictions: N boxes of the same images.
        found: (N,) what each of them finds at `iou_thr`, a row of `mmdet_trash.predictions.matching.match`.
        iou_thr: the overlap from which a box is right.
        background_thr: the overlap under which an object is background.
    """
    images = np.arange(len(truth.images) + 1)
    starts, true_starts = (np.searchsorted(boxes.image_index, images) for boxes in (predictions, truth))
    taken = np.zeros(len(truth), np.bool_)
    taken[found[found >= 0]] = True
    corner, size = predictions.bboxes[:, :2], predictions.bboxes[:, 2:] - predictions.bboxes[:, :2]
    overlaps, nearest = _nearest(
        starts,
        np.hstack([corner, size]),
        predictions.labels,
        true_starts,
        truth.boxes_xywh,
        truth.labels,
        truth.counted(),
        taken,
    )
    same, other, same_taken = overlaps
    rules = (
        (Kind.IGNORED, found == IGNORED, np.maximum(found, -1)),
        (Kind.RIGHT, found >= 0, found),
        (Kind.LOCALIZATION, (same >= background_thr) & (same <= iou_thr), nearest[0]),
        (Kind.CLASSIFICATION, other >= iou_thr, nearest[1]),
        (Kind.DUPLICATE, same_taken >= iou_thr, nearest[2]),
        (Kind.BACKGROUND, other <= background_thr, np.where(same >= other, nearest[0], nearest[1])),
        (Kind.BOTH, other > background_thr, nearest[1]),
    )
    kinds, holds, targets = zip(*rules, strict=True)
    kind = np.select(holds, kinds).astype(np.int8)
    target = np.select(holds, targets)
    unfound = truth.counted() & ~taken
    missed = unfound.copy()
    missed[target[np.isin(kind, (Kind.LOCALIZATION, Kind.CLASSIFICATION))]] = False
    return BoxErrors(kind, target, unfound, missed)


@njit(nogil=True, cache=True, error_model="numpy")
def _nearest(
    starts: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    true_starts: np.ndarray,
    true_boxes: np.ndarray,
    true_labels: np.ndarray,
    counted: np.ndarray,
    taken: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(3, N) the largest overlap with an object of the same class, another, the same that is taken; (3, N) which."""
    overlaps, nearest = np.zeros((3, len(labels))), np.full((3, len(labels)), -1)
    for image in range(len(starts) - 1):
        for row in range(starts[image], starts[image + 1]):
            for true in range(true_starts[image], true_starts[image + 1]):
                if not counted[true]:
                    continue
                value = overlap(boxes[row], true_boxes[true], False)
                same = true_labels[true] == labels[row]
                for place, holds in enumerate((same, not same, same and taken[true])):
                    if holds and value > overlaps[place, row]:
                        overlaps[place, row], nearest[place, row] = value, true
    return overlaps, nearest
