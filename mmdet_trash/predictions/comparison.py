"""Where two sets of predictions for the same images differ."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from mmdet_trash.predictions.columns import ImageTable, Predictions
from mmdet_trash.predictions.precision import single

PLACE = ["image", "label", "x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Comparison:
    """What two sets of predictions have in common; numbers are compared as float32.

    Attributes:
        images: the M images.
        differing: (M,) bool, the images whose boxes are not the same, whatever their order.
        reordered: (M,) bool, the images whose boxes are the same in another order.
        in_first: (C,) int64, boxes of each class in the first.
        in_second: (C,) int64, boxes of each class in the second.
        in_both: (C,) int64, boxes of each class that are in both with the same corners and score.
        moved_scores: how many more are in both with the same class and corners, and another score.
        largest_step: the largest difference of score among those, 0 if there are none.
    """

    images: ImageTable
    differing: np.ndarray
    reordered: np.ndarray
    in_first: np.ndarray
    in_second: np.ndarray
    in_both: np.ndarray
    moved_scores: int
    largest_step: float

    @property
    def same(self) -> bool:
        """Whether each image has the same boxes, in any order."""
        return not self.differing.any()


def compare(first: Predictions, second: Predictions) -> Comparison:
    """Compare two sets of predictions image by image.

    Raises:
        ValueError: when they are about different images or categories.
    """
    images = first.images
    if not images.same_as(second.images):
        raise ValueError("predictions: two about different images or categories cannot be compared")
    tables = [_as_table(first), _as_table(second)]
    keys = [*PLACE, "score"]
    counts = [table.group_by(keys).len() for table in tables]
    both = counts[0].join(counts[1], on=keys, suffix="_second")
    both = both.with_columns(common=pl.min_horizontal("len", "len_second"))

    first_images, second_images = (_sums(table["image"], len(images)) for table in tables)
    first_classes, second_classes = (_sums(table["label"], len(images.classes)) for table in tables)
    common = _sums(both["image"], len(images), both["common"])
    differing = (common != first_images) | (common != second_images)
    moved, largest = _score_steps(tables, both)
    return Comparison(
        images=images,
        differing=differing,
        reordered=_reordered(tables, differing),
        in_first=first_classes,
        in_second=second_classes,
        in_both=_sums(both["label"], len(images.classes), both["common"]),
        moved_scores=moved,
        largest_step=largest,
    )


def _as_table(predictions: Predictions) -> pl.DataFrame:
    bboxes, scores = single(predictions.bboxes), single(predictions.scores)
    corners = {name: bboxes[:, column] for column, name in enumerate(PLACE[2:])}
    return pl.DataFrame({"image": predictions.image_index, "label": predictions.labels, **corners, "score": scores})


def _sums(groups: pl.Series, count: int, weights: pl.Series | None = None) -> np.ndarray:
    """(count,) int64, how many rows each group has, or the sum of their weights."""
    sums = np.bincount(groups.to_numpy(), None if weights is None else weights.to_numpy(), minlength=count)
    return sums.astype(np.int64)


def _reordered(tables: list[pl.DataFrame], differing: np.ndarray) -> np.ndarray:
    """(M,) bool, the images with the same boxes in another order."""
    # In the other images the two have as many rows, so that what is left lies row beside row.
    first, second = (table.filter(~differing[table["image"].to_numpy()]).to_numpy() for table in tables)
    moved = (first != second).any(axis=1)
    reordered = np.zeros(len(differing), dtype=bool)
    reordered[first[moved, 0].astype(np.int64)] = True
    return reordered


def _score_steps(tables: list[pl.DataFrame], both: pl.DataFrame) -> tuple[int, float]:
    """Boxes of the same class and corners whose scores differ: how many, and by how much at most."""
    keys = [*PLACE, "score"]
    # Boxes of one place are paired from the highest score on, after those that are the same were taken out.
    left = [
        table.with_columns(rank=pl.int_range(pl.len()).over(keys))
        .join(both.select(*keys, "common"), on=keys, how="left")
        .filter(pl.col("rank") >= pl.col("common").fill_null(0))
        .sort("score", descending=True)
        .with_columns(rank=pl.int_range(pl.len()).over(PLACE))
        for table in tables
    ]
    pairs = left[0].join(left[1], on=[*PLACE, "rank"], suffix="_second")
    steps = (pairs["score"].cast(pl.Float64) - pairs["score_second"].cast(pl.Float64)).abs()
    return len(pairs), float(steps.max() or 0.0)  # type: ignore[arg-type]
