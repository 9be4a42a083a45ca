"""Anchors that fit a dataset's boxes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from mmdet_trash.errors import InputError


@dataclass(frozen=True)
class AnchorFit:
    """How well anchors fit boxes.

    Attributes:
        fitness: mean over the boxes of the fit of the best anchor, 0 where none is near enough. The fit of a box and an
            anchor is the ratio of their widths or of their heights, the worse one, smaller over larger.
        recall: share of the boxes that have an anchor near enough, the best recall that training could reach.
        per_box: mean number of anchors near enough to a box.
    """

    fitness: float
    recall: float
    per_box: float


def box_sizes(coco: dict[str, Any], img_scale: tuple[int, int]) -> np.ndarray:
    """Sizes of a dataset's boxes once images are resized to fit a frame, their shape kept.

    Args:
        coco: annotations whose images state their size; boxes are cut at the border, crowds and boxes without area are
            left out.
        img_scale: (width, height) of the frame, in pixels.

    Returns:
        (N, 2) float64, width and height in pixels.

    Raises:
        InputError: when there is no box.
    """
    frames = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
    own = [annotation for annotation in coco["annotations"] if not annotation.get("iscrowd")]
    frame = np.array([frames[annotation["image_id"]] for annotation in own], dtype=np.float64).reshape(-1, 2)
    boxes = np.array([annotation["bbox"] for annotation in own], dtype=np.float64).reshape(-1, 4)
    start, end = boxes[:, :2].clip(0, frame), (boxes[:, :2] + boxes[:, 2:]).clip(0, frame)
    found: np.ndarray = (end - start) * (np.array(img_scale) / frame).min(1)[:, None]
    found = found[(found > 0).all(1)]
    if not len(found):
        raise InputError("there are no boxes to fit anchors to")
    return found


def anchor_fit(sizes: np.ndarray, anchors: np.ndarray, ratio_thr: float = 4.0) -> AnchorFit:
    """How well anchors (A, 2) fit boxes of the sizes (N, 2), in the same pixels.

    An anchor is near enough if neither side is `ratio_thr` times the box's or more, nor the other way round.
    """
    distances = _distances(np.log(sizes), np.log(anchors))
    near = distances < np.log(ratio_thr)
    return AnchorFit(_fitness(distances, ratio_thr), float(near.any(0).mean()), float(near.sum(0).mean()))


def fit_anchors(
    sizes: np.ndarray, count: int = 9, ratio_thr: float = 4.0, generations: int = 1000, seed: int = 0
) -> np.ndarray:
    """Find anchors by k-means of the sizes' logarithms, then by evolution of their fitness.

    Each generation scales an anchor's sides at random, and stays if the fitness of :func:`anchor_fit` grew.

    Args:
        sizes: (N, 2), width and height of boxes in pixels.
        count: how many anchors.
        ratio_thr: as for :func:`anchor_fit`.
        generations: tries.
        seed: of k-means and of evolution.

    Returns:
        (count, 2) float64, by rising area.

    Raises:
        InputError: when there are fewer sizes than anchors, or for a seed below 0.
    """
    if seed < 0:
        raise InputError(f"seed: {seed} is given, 0 or more is right")
    logs = np.log(sizes)
    different = len(np.unique(logs, axis=0))
    if different < count:
        raise InputError(f"{count} anchors are asked for, there are boxes of {different} sizes")
    anchors = KMeans(count, n_init=4, random_state=seed).fit(logs).cluster_centers_
    distances = _distances(logs, anchors)
    fitness = _fitness(distances, ratio_thr)
    draw = np.random.default_rng(seed)
    for _ in range(generations):
        index = draw.integers(count)
        tried, before = anchors[index] + draw.normal(0, 0.1, 2), distances[index].copy()
        distances[index] = _distances(logs, tried[None])[0]
        found = _fitness(distances, ratio_thr)
        if found > fitness:
            anchors[index], fitness = tried, found
        else:
            distances[index] = before
    return np.exp(anchors[anchors.sum(1).argsort()])


def _distances(logs: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """(A, N) of the logarithms of A anchors' and N boxes' sides: how far they are apart on the worse of both axes."""
    return np.abs(anchors[:, None] - logs).max(-1)


def _fitness(distances: np.ndarray, ratio_thr: float) -> float:
    nearest = distances.min(0)
    return float(np.where(nearest < np.log(ratio_thr), np.exp(-nearest), 0).mean())
