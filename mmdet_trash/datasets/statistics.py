"""What a dataset holds, in numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdet_trash.annotations import with_defaults
from mmdet_trash.predictions import Predictions, from_annotations

PERCENTILES = (5, 25, 50, 75, 95)
"""What a distribution is summed up by."""
GRID = 32
"""Cells that a map of box centres has along each side."""


@dataclass(frozen=True)
class Statistics:
    """Counts and distributions of a dataset's M images, N boxes and C classes, in label order.

    Crowds are left out, as training leaves them out. Boxes are cut at their image's border; those with nothing inside
    count, but have neither share nor aspect ratio, and their centre lies on the border.

    Attributes:
        classes: C names.
        images: M.
        boxes: N.
        crowds: how many were left out.
        objects_per_image: (most + 1,) int64, how many images hold 0, 1, … `most` boxes.
        classes_per_image: (C + 1,) int64, how many images hold boxes of 0, 1, … C classes.
        class_boxes: (C,) int64, boxes of each class.
        class_images: (C,) int64, images with a box of each class.
        sizes: (C, 3) int64, small, medium and large boxes, by the area that the annotation states, as COCO judges.
        shares: (C, 5) float64, `PERCENTILES` of a box's area over its image's; NaN for a class without.
        aspect_ratios: (C, 5) float64, `PERCENTILES` of width over height; NaN for a class without.
        centres: (C, GRID, GRID) int64, boxes whose centre lies in each cell of their image, rows down.
        lone_centres: the same of boxes that are alone in their image.
        together: (C, C) int64, images that hold both of two classes; the diagonal is `class_images`.
    """

    classes: tuple[str, ...]
    images: int
    boxes: int
    crowds: int
    objects_per_image: np.ndarray
    classes_per_image: np.ndarray
    class_boxes: np.ndarray
    class_images: np.ndarray
    sizes: np.ndarray
    shares: np.ndarray
    aspect_ratios: np.ndarray
    centres: np.ndarray
    lone_centres: np.ndarray
    together: np.ndarray

    @property
    def empty_images(self) -> int:
        """Images without a box."""
        return int(self.objects_per_image[0])

    @property
    def mean_objects(self) -> float:
        """Boxes an image, on average; NaN without images."""
        return self.boxes / self.images if self.images else float("nan")


def statistics(coco: dict[str, Any]) -> Statistics:
    """Count a dataset's images and boxes.

    Args:
        coco: annotations, as `load_annotations` gives them.
    """
    annotations, boxes = annotated_boxes(coco)
    images, labels, index = boxes.images, boxes.labels, boxes.image_index
    many = len(images.classes)
    frames = images.sizes[index].astype(np.float64)
    corners = boxes.cut().bboxes
    sides = corners[:, 2:] - corners[:, :2]
    seen = (sides > 0).all(axis=1)
    share, aspect = (sides.prod(1) / frames.prod(1))[seen], sides[seen, 0] / sides[seen, 1]
    areas = np.array([a.get("area", a["bbox"][2] * a["bbox"][3]) for a in annotations], dtype=np.float64)

    an_image = np.bincount(index, minlength=len(images))
    holds = np.zeros((len(images), many))
    holds[index, labels] = 1
    together = (holds.T @ holds).astype(np.int64)
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    column, row = np.minimum(centres / frames * GRID, GRID - 1).astype(np.int64).T
    alone = an_image[index] == 1
    return Statistics(
        classes=images.classes,
        images=len(images),
        boxes=len(boxes),
        crowds=len(with_defaults(coco)["annotations"]) - len(boxes),
        objects_per_image=np.bincount(an_image, minlength=1),
        classes_per_image=np.bincount(holds.sum(1).astype(np.int64), minlength=many + 1),
        class_boxes=_count((many,), labels),
        class_images=together.diagonal().copy(),
        sizes=_count((many, 3), labels, np.searchsorted([32**2, 96**2], areas, side="right")),
        shares=_percentiles(share, labels[seen], many),
        aspect_ratios=_percentiles(aspect, labels[seen], many),
        centres=_count((many, GRID, GRID), labels, row, column),
        lone_centres=_count((many, GRID, GRID), labels[alone], row[alone], column[alone]),
        together=together,
    )


def annotated_boxes(coco: dict[str, Any]) -> tuple[list[dict[str, Any]], Predictions]:
    """All annotations but crowds, by image, and their boxes, a row each."""
    coco = with_defaults(coco)
    position = {image["id"]: index for index, image in enumerate(coco["images"])}
    own = [annotation for annotation in coco["annotations"] if not annotation.get("iscrowd")]
    own.sort(key=lambda annotation: position[annotation["image_id"]])
    return own, from_annotations({**coco, "annotations": own})


def _count(shape: tuple[int, ...], *index: np.ndarray) -> np.ndarray:
    """How often each position of an array of this shape is named."""
    flat = np.ravel_multi_index(index, shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)


def _percentiles(values: np.ndarray, labels: np.ndarray, many: int) -> np.ndarray:
    found = np.full((many, len(PERCENTILES)), np.nan)
    for label in np.unique(labels):
        found[label] = np.percentile(values[labels == label], PERCENTILES)
    return found
