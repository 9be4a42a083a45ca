"""COCO's figures on resampled images: each image counts as often as it was drawn."""

from __future__ import annotations

import numpy as np
from numba import njit

from mmdet_trash.predictions import Predictions
from mmdet_trash.predictions.matching import AREAS, FALSE, IGNORED, TrueBoxes, match

IOU_THRS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


def draws(images: int, samples: int, seed: int) -> np.ndarray:
    """How often each of `images` stands in each of `samples` bootstrap samples: (samples, images) int64."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / max(images, 1)), samples)


def weighted_summaries(truth: TrueBoxes, predictions: Predictions, weights: np.ndarray) -> np.ndarray:
    """COCO's twelve figures where each image counts several times, or not at all.

    The same as copying each image with its boxes that many times, which would have to be matched anew.

    Args:
        truth: the true boxes.
        predictions: boxes of the same M images.
        weights: (S, M) whole numbers, how often each image counts in each of S samples.

    Returns:
        (S, 12), in the order of `mmdet_trash.evaluation.coco.SUMMARY`; NaN where there is nothing to find.
    """
    weights = weights.astype(np.float64)
    images, labels = predictions.image_index, predictions.labels
    classes = len(predictions.images.classes)
    # COCO's order among equal scores: that of the image ids.
    id_rank = np.argsort(np.argsort(predictions.images.ids))
    order = np.lexsort((id_rank[images], -predictions.scores, labels))
    starts = np.searchsorted(labels[order], np.arange(classes + 1))
    ranks = _ranks(predictions)

    def per_sample(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(S, C): boxes of each class in each sample."""
        counts = np.bincount(images * classes + labels, minlength=weights.shape[1] * classes)
        return weights @ counts.reshape(-1, classes)

    precision, recall = [], {}
    for area, size in zip(AREAS.values(), AREAS, strict=True):
        found = match(truth, predictions, IOU_THRS, area)
        to_find = truth.counted(area)
        true = per_sample(truth.image_index[to_find], truth.labels[to_find])
        true[true == 0] = np.nan
        precision.append(_average_precisions(found[:, order], images[order], starts, weights, true))
        for top in (1, 10, 100) if size == "all" else (100,):
            right = [(level >= 0) & (ranks < top) for level in found]
            recall[size, top] = np.stack([per_sample(images[rows], labels[rows]) / true for rows in right], axis=1)
    every = precision[0]
    values = [every, every[:, :1], every[:, 5:6], *precision[1:], *recall.values()]
    return np.stack([_mean(value) for value in values], axis=1)


def _ranks(predictions: Predictions) -> np.ndarray:
    """(N,) place of each box, from 0, among those of its image and class by falling score."""
    order = np.lexsort((-predictions.scores, predictions.labels, predictions.image_index))
    group = predictions.image_index[order] * len(predictions.images.classes) + predictions.labels[order]
    ranks = np.empty(len(predictions), np.int64)
    ranks[order] = np.arange(len(predictions)) - np.searchsorted(group, group)
    return ranks


def _mean(values: np.ndarray) -> np.ndarray:
    """(S,): the mean of each sample's values that are numbers; NaN where none is."""
    values = values.reshape(len(values), -1)
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=1) / known.sum(axis=1)


@njit(nogil=True, cache=True, error_model="numpy")
def average_precision(right: np.ndarray, weights: np.ndarray, true: float) -> float:
    """COCO's average precision, of 101 recalls.

    Args:
        right: (K,) bool, whether a box is right, by falling score.
        weights: (K,) how often it counts.
        true: how many there are to find, above 0.
    """
    precisions, recalls = np.empty(len(right)), np.empty(len(right))
    count, tp, seen = 0, 0.0, 0.0
    for rank in range(len(right)):
        seen += weights[rank]
        if right[rank] and weights[rank] > 0:
            tp += weights[rank]
            # Between two right boxes precision only falls: no other point can be a recall's best.
            precisions[count], recalls[count] = tp / seen, tp / true
            count += 1
    total, best, point = 0.0, 0.0, count - 1
    for recall in RECALLS[::-1]:
        while point >= 0 and recalls[point] >= recall:
            best = max(best, precisions[point])
            point -= 1
        total += best
    return total / len(RECALLS)


@njit(nogil=True, cache=True, error_model="numpy")
def _average_precisions(
    found: np.ndarray, images: np.ndarray, starts: np.ndarray, weights: np.ndarray, true: np.ndarray
) -> np.ndarray:
    """(S, T, C) average precision, of boxes by class and falling score; `true` is (S, C), NaN for none."""
    out = np.full((len(weights), len(found), len(starts) - 1), np.nan)
    for level in range(len(found)):
        for label in range(len(starts) - 1):
            rows = np.arange(starts[label], starts[label + 1])
            rows = rows[found[level, rows] != IGNORED]
            right = found[level, rows] != FALSE
            # After the last right box nothing changes.
            count = len(right)
            while count > 0 and not right[count - 1]:
                count -= 1
            right, places = right[:count], images[rows[:count]]
            for sample in range(len(weights)):
                if true[sample, label] > 0:
                    out[sample, level, label] = average_precision(right, weights[sample][places], true[sample, label])
    return out
