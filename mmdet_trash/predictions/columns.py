"""Detections as columns: one row a box, sorted by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mmdet_trash.annotations import class_names, with_defaults
from mmdet_trash.errors import InputError

_COLUMNS = ("image_index", "labels", "scores", "bboxes")


@dataclass(frozen=True)
class ImageTable:
    """The images that predictions are about, in the order of their annotation file, and its categories.

    Attributes:
        ids: (M,) int64, COCO image ids.
        file_names: M names, as the annotation file says them.
        sizes: (M, 2) int64, width and height in pixels.
        category_ids: (C,) int64, COCO category id of each label.
        classes: C names, one a label.
    """

    ids: np.ndarray
    file_names: tuple[str, ...]
    sizes: np.ndarray
    category_ids: np.ndarray
    classes: tuple[str, ...]

    @classmethod
    def from_coco(cls, coco: dict[str, Any]) -> ImageTable:
        """Take the images and categories of a COCO annotation file (see `mmdet_trash.annotations`)."""
        coco = with_defaults(coco)
        images = coco["images"]
        return cls(
            ids=np.array([image["id"] for image in images], dtype=np.int64),
            file_names=tuple(image["file_name"] for image in images),
            sizes=np.array([(i["width"], i["height"]) for i in images], dtype=np.int64).reshape(-1, 2),
            category_ids=np.array(sorted(c["id"] for c in coco["categories"]), dtype=np.int64),
            classes=class_names(coco),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, first: int, last: int) -> ImageTable:
        """The images at positions `first` to `last` - 1."""
        here = slice(first, last)
        return replace(self, ids=self.ids[here], file_names=self.file_names[here], sizes=self.sizes[here])

    def same_as(self, other: ImageTable) -> bool:
        """Whether both hold the same images, in the same order, and the same categories."""
        if self is other:
            return True
        arrays = ("ids", "sizes", "category_ids")
        return (self.file_names, self.classes) == (other.file_names, other.classes) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays
        )


@dataclass(frozen=True)
class Predictions:
    """Detections of a set of images.

    Rows are sorted by image; within an image they keep the order they came in. An image without a row has no
    detection, which is a prediction too. Columns are taken as they are and become read-only: `from_columns` sorts and
    checks those that may need it.

    Attributes:
        images: the M images, with or without detections.
        image_index: (N,) int64, position in `images` of each detection.
        labels: (N,) int64, position in `images.classes`.
        scores: (N,) float64.
        bboxes: (N, 4) float64, xyxy in pixels of the original image.
    """

    images: ImageTable
    image_index: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    bboxes: np.ndarray

    def __post_init__(self) -> None:
        for name in _COLUMNS:
            getattr(self, name).setflags(write=False)

    @classmethod
    def from_columns(
        cls,
        images: ImageTable,
        image_index: Sequence[int] | np.ndarray,
        labels: Sequence[int] | np.ndarray,
        scores: Sequence[float] | np.ndarray,
        bboxes: Sequence[Sequence[float]] | np.ndarray,
    ) -> Predictions:
        """Sort columns by image and check that they fit each other and the images.

        Raises:
            InputError: when lengths differ, an index or label is out of range, or a number is not finite.
        """
        columns = {
            "image_index": np.asarray(image_index, dtype=np.int64).reshape(-1),
            "labels": np.asarray(labels, dtype=np.int64).reshape(-1),
            "scores": np.asarray(scores, dtype=np.float64).reshape(-1),
            "bboxes": np.asarray(bboxes, dtype=np.float64).reshape(-1, 4),
        }
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"predictions: columns of unequal length: {lengths}")
        _check_range("image_index", columns["image_index"], len(images))
        _check_range("labels", columns["labels"], len(images.classes))
        for name in ("scores", "bboxes"):
            if not np.isfinite(columns[name]).all():
                row = int(np.argmin(np.isfinite(columns[name]).reshape(lengths[name], -1).all(axis=1)))
                raise InputError(f"predictions: {name} row {row} is {columns[name][row]}, finite numbers are right")
        index = columns["image_index"]
        if (index[1:] >= index[:-1]).all():
            # Copied even so: the columns stay as they are when the caller's arrays change.
            columns = {name: column.copy() for name, column in columns.items()}
        else:
            order = np.argsort(index, kind="stable")
            columns = {name: np.take(column, order, axis=0) for name, column in columns.items()}
        return cls(images, **columns)

    @classmethod
    def concat(cls, parts: Sequence[Predictions]) -> Predictions:
        """All rows of several predictions for the same images; rows of an image stand in the order of the parts.

        Raises:
            ValueError: when there is no part, or their images or categories are not the same.
        """
        if not parts:
            raise ValueError("predictions: at least one part is needed")
        images = parts[0].images
        for number, part in enumerate(parts):
            if not images.same_as(part.images):
                raise ValueError(f"predictions: part {number} is about other images or categories than part 0")
        if len(parts) == 1:
            return parts[0]
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        order = np.argsort(columns["image_index"], kind="stable")
        return cls(images, **{name: column[order] for name, column in columns.items()})

    def __len__(self) -> int:
        return len(self.scores)

    def of_image(self, index: int) -> slice:
        """Rows of the image at position `index` of `images`."""
        start, stop = np.searchsorted(self.image_index, [index, index + 1])
        return slice(int(start), int(stop))

    def part(self, first: int, last: int) -> Predictions:
        """The images at positions `first` to `last` - 1 and their rows, which are not copied."""
        rows = slice(self.of_image(first).start, self.of_image(last - 1).stop)
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        columns["image_index"] = columns["image_index"] - first
        return Predictions(self.images.part(first, last), **columns)

    def select(self, keep: np.ndarray) -> Predictions:
        """Keep the rows where the (N,) boolean `keep` is true; all images stay."""
        return self._take(keep)

    def cut(self) -> Predictions:
        """The same boxes cut at their images' borders; one that lies outside ends as a line or a point there."""
        frames = np.tile(self.images.sizes[self.image_index], 2)
        return replace(self, bboxes=self.bboxes.clip(0, frames))

    def over(self, images: ImageTable) -> Predictions:
        """The rows about the images of another table, joined on image id; rows about others are left out."""
        rows = np.isin(self.images.ids, images.ids)[self.image_index]
        order = np.argsort(images.ids)
        ids = self.images.ids[self.image_index[rows]]
        index = order[np.searchsorted(images.ids, ids, sorter=order)]
        return Predictions.from_columns(images, index, *(getattr(self, name)[rows] for name in _COLUMNS[1:]))

    def sorted_by_score(self) -> Predictions:
        """Within each image the highest score first; equal scores keep their order."""
        same_image = self.image_index[1:] == self.image_index[:-1]
        if not (same_image & (self.scores[1:] > self.scores[:-1])).any():
            return self
        return self._take(np.lexsort((-self.scores, self.image_index)))

    def first(self, count: int) -> Predictions:
        """At most `count` rows of each image, those that stand first; all images stay."""
        start_of_image = np.searchsorted(self.image_index, np.arange(len(self.images)))
        rank = np.arange(len(self)) - start_of_image[self.image_index]
        keep = rank < count
        return self if keep.all() else self._take(keep)

    def _take(self, rows: np.ndarray) -> Predictions:
        return Predictions(self.images, **{name: getattr(self, name)[rows] for name in _COLUMNS})


def from_annotations(coco: dict[str, Any]) -> Predictions:
    """The boxes of a ground truth as predictions of score 1."""
    images = ImageTable.from_coco(coco)
    position = {image_id: index for index, image_id in enumerate(images.ids.tolist())}
    annotations = with_defaults(coco)["annotations"]
    boxes = np.array([a["bbox"] for a in annotations], dtype=np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    labels = np.searchsorted(images.category_ids, [a["category_id"] for a in annotations])
    index = [position[a["image_id"]] for a in annotations]
    return Predictions.from_columns(images, index, labels, np.ones(len(boxes)), boxes)


def _check_range(name: str, column: np.ndarray, end: int) -> None:
    wrong = (column < 0) | (column >= end)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"predictions: {name} row {row} is {column[row]}, 0 to {end - 1} is right")
