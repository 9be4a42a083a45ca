"""Random boxes of several models, and ensemble-boxes called without its noise."""

import contextlib
import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmdet_trash.predictions import ImageTable, Predictions

Lists = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]
CONF_TYPES = ("avg", "max", "box_and_model_avg", "absent_model_aware_avg")
"""Those that ensemble-boxes has."""


def random_lists(
    rng: np.random.Generator, dtype: Any = np.float64, most_models: int = 6, inside: bool = False
) -> Lists:
    """One image: models that find the same objects, some several times, some not at all; all scores differ.

    Unless all is to lie inside [0, 1], corners reach beyond, some are swapped and some boxes have no area.
    """
    objects = rng.random((rng.integers(1, 8), 2)) * 0.9
    objects = np.concatenate([objects, objects + 0.01 + rng.random((len(objects), 2)) * 0.3], axis=1)
    lists: Lists = ([], [], [])
    distinct = iter((rng.permutation(4096) + rng.uniform(0.25, 0.75, 4096)) / 4096)
    for _ in range(rng.integers(1, most_models + 1)):
        count = rng.integers(0, 12) * (rng.random() < 0.85)
        chosen = rng.integers(0, len(objects), count)
        boxes = objects[chosen] + rng.normal(0, 0.02, (count, 4))
        if count and not inside:
            if rng.random() < 0.2:
                boxes[0] = boxes[0][[2, 3, 0, 1]]
            if rng.random() < 0.2:
                boxes[-1, 2] = boxes[-1, 0]
        if inside:
            low, high = boxes[:, :2].clip(0, 0.9), boxes[:, 2:].clip(0, 1)
            boxes = np.concatenate([low, np.maximum(high, low + 0.01)], axis=1)
        for column, values in zip(
            lists,
            (boxes.astype(dtype), np.array([next(distinct) for _ in range(count)], dtype), chosen % 3),
            strict=True,
        ):
            column.append(values)
    return lists


def random_weights(rng: np.random.Generator, models: int) -> list[float] | None:
    """None, whole numbers or others, all above 0."""
    kind = rng.integers(3)
    if kind == 0:
        return None
    return rng.integers(1, 5, models).tolist() if kind == 1 else (rng.random(models) + 0.01).tolist()


def quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call without warnings and prints."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def assert_same(expected: Sequence[np.ndarray], found: Sequence[np.ndarray], what: object = "") -> None:
    """The same arrays of the same types, bit for bit."""
    for theirs, ours in zip(expected, found, strict=True):
        assert ours.dtype == theirs.dtype, what
        np.testing.assert_array_equal(ours, np.asarray(theirs), err_msg=str(what))


def image_table(count: int, order: Sequence[int] | None = None, classes: int = 3) -> ImageTable:
    """Images of unequal sizes, in some order; an image's id, name and size do not depend on it."""
    order = range(count) if order is None else order
    images = [
        {"id": 3 * i + 5, "file_name": f"test/{i:04}.jpg", "width": 97 + 13 * (i % 7), "height": 61 + 11 * (i % 5)}
        for i in map(int, order)
    ]
    return ImageTable.from_coco(
        {"images": images, "categories": [{"id": i + 1, "name": f"class {i}"} for i in range(classes)]}
    )


def reordered(predictions: Predictions, order: Sequence[int]) -> Predictions:
    """The same predictions over the table `image_table(len(order), order)`, if theirs was in rising order."""
    images = image_table(len(order), order, len(predictions.images.classes))
    place = np.argsort(order)
    return Predictions.from_columns(
        images, place[predictions.image_index], predictions.labels, predictions.scores, predictions.bboxes
    )


def random_models(
    rng: np.random.Generator, images: int = 9, models: int = 3, shuffled: bool = True
) -> list[Predictions]:
    """Models that find the same objects, in tables of their own order but for the first's; some images stay empty."""
    tables = [image_table(images, rng.permutation(images) if shuffled and model else None) for model in range(models)]
    rows: list[list[tuple]] = [[] for _ in tables]
    for image in range(images):
        objects = 0.05 + rng.random((rng.integers(1, 6), 2)) * 0.85
        objects = np.concatenate([objects, objects + 0.04 + rng.random((len(objects), 2)) * 0.3], axis=1)
        for model, images_of_model in enumerate(tables):
            position = images_of_model.ids.tolist().index(3 * image + 5)
            for which in rng.integers(0, len(objects), rng.integers(0, 9) * (rng.random() < 0.8)):
                box = (objects[which] + rng.normal(0, 0.02, 4)) * np.tile(images_of_model.sizes[position], 2)
                rows[model].append((position, which % 3, rng.random(), *box))
    found = []
    for images_of_model, here in zip(tables, rows, strict=True):
        columns = np.array(here).reshape(-1, 7)
        found.append(
            Predictions.from_columns(
                images_of_model, columns[:, 0].astype(int), columns[:, 1].astype(int), columns[:, 2], columns[:, 3:]
            )
        )
    return found


def assert_same_predictions(expected: Predictions, found: Predictions, what: object = "") -> None:
    """The same boxes of the same images in the same order, bit for bit."""
    assert expected.images.same_as(found.images), what
    for name in ("image_index", "labels", "scores", "bboxes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=f"{name} {what}")
        assert getattr(found, name).dtype == getattr(expected, name).dtype, (name, what)
