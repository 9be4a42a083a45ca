"""Fusing the predictions of several models over a whole dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from mmdet_trash.errors import InputError
from mmdet_trash.fusion.plan import Detections, Plan, make_plan
from mmdet_trash.fusion.settings import FusionSettings
from mmdet_trash.predictions import ImageTable, Predictions

BACKENDS = ("numba", "reference")
IMAGES_A_TASK = 32
"""Images that a thread fuses in one call: so few that their boxes stay in its cache."""

Columns: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Model: TypeAlias = "Predictions | Sequence[Model]"


def fuse(
    models: Sequence[Model],
    settings: FusionSettings | None = None,
    backend: str = "numba",
    threads: int | None = None,
) -> Predictions:
    """Fuse the predictions of several models for the same images.

    Images are joined on their id. A model without a box in an image counts there as one that found nothing: its weight
    stays. Among equal scores the order is that of the labels, then of the models, then of a model's boxes.

    Args:
        models: the predictions of each. In the place of one may stand a list, of the views of a fold or the folds of a
            model, say, which is fused first, as `settings.within` says; lists may hold lists.
        settings: how to fuse.
        backend: `"numba"`, or `"reference"`, ensemble-boxes itself, which gives the same and knows only what it knows.
        threads: that fuse at a time; as many as there are cores, if None. The result does not depend on it.

    Returns:
        The fused boxes of the images, in the order of the first model's image table, by falling score within an image.
        They lie within their image.

    Raises:
        InputError: when models are about different images or categories, a score is below 0, or a setting does not fit
            the number of models or classes.
        ValueError: for no models or another backend.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend {backend!r} is unknown, one of {', '.join(BACKENDS)} is right")
    if not models:
        raise ValueError("fuse: at least one model is needed")
    settings = settings or FusionSettings()
    flat = [
        model if isinstance(model, Predictions) else fuse(model, settings.of_group(), backend, threads)
        for model in models
    ]
    images = flat[0].images
    flat = [_joined(model, images, position) for position, model in enumerate(flat, start=1)]
    if settings.calibration is not None:
        curves = settings.calibration
        if len(curves) != len(flat):
            raise InputError(f"calibration of {len(curves)} models, there are {len(flat)}")
        flat = [curve.apply(model) if curve else model for curve, model in zip(curves, flat, strict=True)]
    for position, model in enumerate(flat, start=1):
        if len(model) and model.scores.min() < 0:
            raise InputError(f"model {position}: a score is {model.scores.min()}, 0 or more is right")

    plan = make_plan(settings, len(flat), len(images.classes))
    if backend == "reference":
        from mmdet_trash.fusion.reference import fuse_images

        parts = [fuse_images(flat, settings, plan)]
    else:
        parts = _fuse_parallel(flat, plan, threads or len(os.sched_getaffinity(0)))
    counts, bboxes, scores, labels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Predictions(images, np.repeat(np.arange(len(images)), counts), labels, scores, bboxes)


def _joined(model: Predictions, images: ImageTable, position: int) -> Predictions:
    """A model's predictions over the same image table as the first model's, joined on image id."""
    if model.images is images or model.images.same_as(images):
        return model
    if model.images.classes != images.classes or not np.array_equal(model.images.category_ids, images.category_ids):
        raise InputError(f"model {position} has other categories than model 1")
    for missing, whose in ((images, position), (model.images, 1)):
        other = model.images if whose == position else images
        unknown = np.setdiff1d(missing.ids, other.ids)
        if len(unknown):
            raise InputError(f"model {position} is about other images than model 1: {unknown[0]} is none of {whose}'s")
    return model.over(images)


def _fuse_parallel(models: Sequence[Predictions], plan: Plan, threads: int) -> list[Columns]:
    count = len(models[0].images)
    columns = [(model.bboxes, model.scores, model.labels) for model in models]
    starts = np.stack([np.searchsorted(model.image_index, np.arange(count + 1)) for model in models])
    sizes = models[0].images.sizes.astype(np.float64)
    firsts = range(0, max(count, 1), IMAGES_A_TASK)

    def work(first: int) -> Columns:
        last = first + IMAGES_A_TASK
        return fuse_columns(columns, starts[:, first : last + 1], sizes[first:last], plan)

    if threads == 1 or len(firsts) == 1:
        return [work(first) for first in firsts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, firsts))


def fuse_columns(
    models: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], starts: np.ndarray, sizes: np.ndarray, plan: Plan
) -> Columns:
    """Fuse some images with the compiled functions.

    Args:
        models: of each of T models boxes (n, 4) float64, xyxy in pixels, scores (n,) float64 and labels (n,) int64.
        starts: (T, M + 1) int64, the rows where each image's boxes start, and where the last's end.
        sizes: (M, 2) float64, width and height in pixels.
        plan: how to fuse.

    Returns:
        As `mmdet_trash.fusion.kernels.fuse_images`.
    """
    from mmdet_trash.fusion.kernels import fuse_images, gather

    rows = starts.sum(axis=0)
    rows -= rows[0]
    room = rows[-1]
    found = Detections(
        starts=rows[:-1],
        ends=rows[:-1].copy(),
        shares=np.empty((room, 4)),
        scores=np.empty(room),
        models=np.empty(room, np.int64),
        labels=np.empty(room, np.int64),
        sizes=sizes,
    )
    for position, (bboxes, scores, labels) in enumerate(models):
        gather(bboxes, scores, labels, starts[position], position, plan, found)
    return fuse_images(found, plan)
