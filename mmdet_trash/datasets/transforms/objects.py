"""The annotated objects of an image as arrays, and what becomes of them when it is warped and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet.structures.bbox import HorizontalBoxes

from mmdet_trash.errors import InputError


@dataclass(frozen=True)
class Objects:
    """Boxes of one image.

    Attributes:
        bboxes: (N, 4) float64, xyxy in pixels.
        labels: (N,) int64.
        ignored: (N,) bool, true for a crowd.
    """

    bboxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray

    @classmethod
    def of(cls, results: dict[str, Any]) -> Objects:
        """Those of a sample, before or after `LoadAnnotations`.

        Raises:
            InputError: when it has masks, which are not warped here.
        """
        if "gt_masks" in results or "gt_seg_map" in results:
            raise InputError("pipeline: masks are not mixed or warped here; boxes are, so load with_mask=False")
        if "gt_bboxes" in results:
            bboxes = results["gt_bboxes"].tensor.numpy().astype(np.float64)
            labels = results["gt_bboxes_labels"]
            ignored = results.get("gt_ignore_flags", np.zeros(len(bboxes), bool))
        else:
            instances = results.get("instances", [])
            bboxes = np.array([instance["bbox"] for instance in instances], np.float64).reshape(-1, 4)
            labels = np.array([instance["bbox_label"] for instance in instances], np.int64)
            ignored = np.array([bool(instance.get("ignore_flag")) for instance in instances], bool)
        return cls(bboxes, labels, ignored)

    @classmethod
    def concat(cls, parts: Sequence[Objects]) -> Objects:
        """All of several, in order."""
        return cls(
            np.concatenate([part.bboxes for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.ignored for part in parts]),
        )

    def put_into(self, results: dict[str, Any]) -> None:
        """Be the objects of a sample, under MMDetection's keys."""
        results["gt_bboxes"] = HorizontalBoxes(torch.from_numpy(self.bboxes.astype(np.float32)))
        results["gt_bboxes_labels"] = self.labels
        results["gt_ignore_flags"] = self.ignored

    def select(self, which: np.ndarray) -> Objects:
        """Those of a mask (N,) or of indices."""
        return Objects(self.bboxes[which], self.labels[which], self.ignored[which])

    def moved(self, bboxes: np.ndarray) -> Objects:
        """The same objects at other boxes, (N, 4)."""
        return Objects(bboxes, self.labels, self.ignored)

    def __len__(self) -> int:
        return len(self.bboxes)


@dataclass(frozen=True)
class BoxFilter:
    """Which of the boxes that an image's border or another image cuts are worth keeping.

    Args:
        min_size: pixels that a side keeps, at least.
        min_visible: share of the whole box's area that is left, at least.
        max_aspect: the longer side over the shorter one, at most: slivers go.
    """

    min_size: float = 2.0
    min_visible: float = 0.1
    max_aspect: float = 20.0

    def __call__(self, left: np.ndarray, area: np.ndarray, seen: np.ndarray | None = None) -> np.ndarray:
        """Which to keep.

        Args:
            left: (N, 4), what is left of each box, xyxy.
            area: (N,), of the boxes before they were cut.
            seen: (N,), area that is seen; all of what is left by default.

        Returns:
            (N,) bool.
        """
        sides = left[:, 2:] - left[:, :2]
        shorter, longer = sides.min(1), sides.max(1)
        seen = shorter * longer if seen is None else seen
        large = (shorter >= self.min_size) & (longer <= self.max_aspect * shorter) & (longer > 0)
        return large & (seen >= self.min_visible * area)


def box_areas(bboxes: np.ndarray) -> np.ndarray:
    """(N,) areas of (N, 4) xyxy boxes; one turned inside out has none."""
    sides = (bboxes[:, 2:] - bboxes[:, :2]).clip(0)
    return sides[:, 0] * sides[:, 1]


def clip_boxes(bboxes: np.ndarray, region: Sequence[float]) -> np.ndarray:
    """Cut (N, 4) xyxy boxes at the borders of a region, x1, y1, x2, y2; one outside has a side of 0."""
    left, top, right, bottom = region
    return np.clip(bboxes, [left, top, left, top], [right, bottom, right, bottom])


def warp_boxes(bboxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The upright boxes around (N, 4) boxes that a 3x3 matrix moves; coordinates run from the border of a pixel."""
    x1, y1, x2, y2 = bboxes.T
    corners = np.stack([np.stack([x1, x2, x1, x2]), np.stack([y1, y1, y2, y2]), np.ones((4, len(bboxes)))])
    x, y, depth = np.tensordot(matrix, corners, 1)
    x, y = x / depth, y / depth
    return np.stack([x.min(0), y.min(0), x.max(0), y.max(0)], 1)


def uncovered(bboxes: np.ndarray, cover: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """What is left of boxes when a rectangle lies over them.

    Args:
        bboxes: (N, 4), xyxy.
        cover: x1, y1, x2, y2.

    Returns:
        (N, 4), the tightest boxes around what is seen of each, and (N,), the seen areas. A box is cut only where the
        rectangle takes a whole side of it.
    """
    over = clip_boxes(bboxes, cover)
    sides, covered = bboxes[:, 2:] - bboxes[:, :2], over[:, 2:] - over[:, :2]
    left = bboxes.copy()
    for axis in (0, 1):
        across = covered[:, 1 - axis] >= sides[:, 1 - axis]  # the rectangle spans the box's other side
        starts = across & (covered[:, axis] > 0) & (over[:, axis] <= bboxes[:, axis])
        ends = across & (covered[:, axis] > 0) & (over[:, axis + 2] >= bboxes[:, axis + 2])
        left[starts, axis] = over[starts, axis + 2]
        left[ends, axis + 2] = np.where(starts[ends], left[ends, axis], over[ends, axis])
    return left, box_areas(bboxes) - box_areas(over)
