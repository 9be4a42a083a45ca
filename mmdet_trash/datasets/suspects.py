"""Boxes that a person should look at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from mmdet_trash.datasets.checks import TOLERANCE
from mmdet_trash.datasets.statistics import annotated_boxes

SAME_IOU = 0.9
"""IoU from which two boxes stand for one object."""
TINY_SIDE = 4.0
"""Pixels under which nobody can tell what is in a box."""
WHOLE_SHARE = 0.95
"""Share of the image from which a box says nothing about the place."""
SLIVER_RATIO = 20.0
"""Longer over shorter side beyond which a box is a line."""


class Kind(Enum):
    """Why a box is suspect."""

    DUPLICATE = "duplicate"
    TWO_CLASSES = "two classes"
    TINY = "tiny"
    WHOLE_IMAGE = "whole image"
    OUTSIDE = "outside"
    SLIVER = "sliver"


@dataclass(frozen=True)
class Suspect:
    """A box, or two of one place, that may be a mistake.

    Attributes:
        kind: why.
        image: position of the image in its file.
        annotations: ids of the one or two annotations.
        amount: how much. IoU of the two boxes (`DUPLICATE`, `TWO_CLASSES`), shorter side in pixels (`TINY`), share of
            the image (`WHOLE_IMAGE`), pixels over the border (`OUTSIDE`), longer over shorter side (`SLIVER`).
    """

    kind: Kind
    image: int
    annotations: tuple[int, ...]
    amount: float


def find_suspects(coco: dict[str, Any]) -> list[Suspect]:
    """List boxes that look like mistakes; a box may be suspect in several ways. Crowds are not looked at.

    Args:
        coco: annotations, as `load_annotations` gives them.

    Returns:
        By kind, in the order of `Kind`, the worst first.
    """
    annotations, boxes = annotated_boxes(coco)
    index, frames = boxes.image_index, boxes.images.sizes[boxes.image_index]
    ids = np.array([annotation["id"] for annotation in annotations], dtype=np.int64)
    corners = boxes.cut().bboxes
    sides = corners[:, 2:] - corners[:, :2]
    shorter, longer = sides.min(1), sides.max(1)
    share = sides.prod(1) / frames.prod(1)
    over = np.maximum(-boxes.bboxes[:, :2], boxes.bboxes[:, 2:] - frames).max(1)
    ratio = np.divide(longer, shorter, out=np.zeros(len(boxes)), where=shorter > 0)
    first, second, iou = _same_place(boxes.bboxes, index)
    same = boxes.labels[first] == boxes.labels[second]

    def suspects(kind: Kind, amounts: np.ndarray, which: np.ndarray, *rows: np.ndarray) -> Iterator[Suspect]:
        chosen = np.flatnonzero(which)
        falling = amounts[chosen] if kind is Kind.TINY else -amounts[chosen]
        for number in chosen[np.argsort(falling, kind="stable")]:
            image = int(index[rows[0][number]])
            pair = tuple(int(ids[row[number]]) for row in rows)
            yield Suspect(kind, image, pair, float(amounts[number]))

    every = np.arange(len(boxes))
    found: tuple[Iterable[Suspect], ...] = (
        suspects(Kind.DUPLICATE, iou, same, first, second),
        suspects(Kind.TWO_CLASSES, iou, ~same, first, second),
        suspects(Kind.TINY, shorter, shorter < TINY_SIDE, every),
        suspects(Kind.WHOLE_IMAGE, share, share >= WHOLE_SHARE, every),
        suspects(Kind.OUTSIDE, over, over > TOLERANCE, every),
        suspects(Kind.SLIVER, ratio, ratio > SLIVER_RATIO, every),
    )
    return [suspect for kind in found for suspect in kind]


def _same_place(bboxes: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of all pairs of boxes of an image that overlap by `SAME_IOU` or more, and their IoU.

    Args:
        bboxes: (N, 4) xyxy.
        index: (N,) the image of each, rising.
    """
    firsts, seconds, ious = [], [], []
    for step in range(1, int(np.bincount(index).max(initial=0))):
        first = np.flatnonzero(index[:-step] == index[step:])
        iou = _iou(bboxes[first], bboxes[first + step])
        near = iou >= SAME_IOU
        firsts.append(first[near])
        seconds.append(first[near] + step)
        ious.append(iou[near])
    none = np.empty(0, np.int64)
    return np.concatenate([none, *firsts]), np.concatenate([none, *seconds]), np.concatenate([none, *ious])


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of each row's two boxes; of two without area, 1 if they are the same."""
    inter = (np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])).clip(0).prod(1)
    union = sum((box[:, 2:] - box[:, :2]).clip(0).prod(1) for box in (a, b)) - inter
    return np.divide(inter, union, out=(a == b).all(1).astype(np.float64), where=union > 0)
