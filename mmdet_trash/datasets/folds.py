"""Folds and bootstrap bags over images, and how evenly they share out the classes."""

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils import resample

from mmdet_trash.annotations import class_names
from mmdet_trash.errors import InputError

SIZES = (32**2, 96**2)
"""Areas in square pixels that part small, medium and large boxes, as COCO does."""
COUNTS = (1, 2, 4, 8, 16)
"""Numbers of boxes in an image where the next kind of image begins."""


@dataclass(frozen=True)
class Folds:
    """Which images each of K folds trains on and validates on.

    Attributes:
        times: (K, M) int64, how many times a fold's training sees each image; where 0, the fold validates on it.
        groups: (M,) int64, images of the same number are on the same side of every fold.
    """

    times: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.times)

    @property
    def validated(self) -> np.ndarray:
        """(K, M) bool, which images each fold validates on."""
        return self.times == 0


@dataclass(frozen=True)
class Balance:
    """How a split shares out the boxes of each class.

    Attributes:
        classes: names in label order.
        boxes: (C,) int64, of the whole.
        validated: (K, C) int64, that each fold validates on.
        deviation: (K, C) float64, how far that is from the share, 0.05 for five per cent too many; NaN for a class
            without boxes.
    """

    classes: tuple[str, ...]
    boxes: np.ndarray
    validated: np.ndarray
    deviation: np.ndarray

    @property
    def worst(self) -> tuple[float, int, str]:
        """The deviation farthest from 0, its fold and its class."""
        if np.isnan(self.deviation).all():
            return float("nan"), 0, ""
        fold, label = np.unravel_index(np.nanargmax(np.abs(self.deviation)), self.deviation.shape)
        return float(self.deviation[fold, label]), int(fold), self.classes[label]


def stratified_folds(coco: dict[str, Any], groups: np.ndarray, folds: int = 5, seed: int = 0) -> Folds:
    """Part images into folds, each of which validates on its own part and trains on the others.

    scikit-learn's `StratifiedGroupKFold` deals out groups of rows, the richest first, each to the fold that it leaves
    most even. Here an image has many rows: for each box one of its class and one of its size, and one of how many
    boxes there are. So classes, sizes and object counts are evened out together.

    Args:
        coco: a ground truth, as `load_annotations` gives it.
        groups: (M,) int64, images of the same number stay together.
        folds: 2 or more.
        seed: of the order of groups that are equally rich.

    Raises:
        InputError: when there are fewer groups than folds, or fewer than two folds.
    """
    _check_count(groups, folds, "folds")
    boxes, images, labels = _boxes(coco)
    areas = np.array([w * h for _, _, w, h in boxes], dtype=np.float64)
    objects = np.bincount(images, minlength=len(groups))
    classes = len(coco["categories"])
    rows = np.concatenate([images, images, np.arange(len(groups))])
    strata = np.concatenate([labels, classes + np.digitize(areas, SIZES), classes + 3 + np.digitize(objects, COUNTS)])
    times = np.ones((folds, len(groups)), np.int64)
    for fold, chosen in enumerate(deal(groups[rows], strata, folds, seed)):
        times[fold, np.isin(groups, chosen)] = 0
    return Folds(times, groups)


def deal(groups: np.ndarray, strata: np.ndarray, parts: int, seed: int) -> Iterator[np.ndarray]:
    """Deal out groups of rows in as many parts, each stratum as evenly as can be.

    Args:
        groups: (N,) the group of each row.
        strata: (N,) the stratum of each row.
        parts: at most as many as there are groups.
        seed: of the order of groups that are equally rich.

    Yields:
        The groups of a part.
    """
    if np.unique(strata, return_counts=True)[1].max() < parts:
        strata = np.zeros_like(strata)  # no stratum can be in every part
    splitter = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A stratum rarer than the parts cannot be in each of them; it is spread as far as it goes.
        warnings.simplefilter("ignore", UserWarning)
        for _, rows in splitter.split(groups, strata, groups):
            yield np.unique(groups[rows])


def bootstrap_bags(groups: np.ndarray, bags: int = 5, seed: int = 0) -> Folds:
    """Draw bags with replacement; what is out of a bag, a bit more than a third, it validates on.

    A bag holds as many groups as there are, some several times. (Breiman, Bagging predictors, 1996.)

    Args:
        groups: (M,) int64, images of the same number are drawn together.
        bags: how many, 2 or more.
        seed: of the draws.

    Raises:
        InputError: when there are fewer groups than bags, or fewer than two bags.
    """
    _check_count(groups, bags, "bags")
    names, member = np.unique(groups, return_inverse=True)
    random = np.random.RandomState(seed)
    times = np.stack(
        [np.bincount(resample(np.arange(len(names)), random_state=random), minlength=len(names)) for _ in range(bags)]
    )
    return Folds(times[:, member], groups)


def balance(coco: dict[str, Any], folds: Folds) -> Balance:
    """Count the boxes of each class that each fold validates on, beside the share that the fold should have."""
    _, images, labels = _boxes(coco)
    classes = class_names(coco)
    validated = np.stack([np.bincount(labels[side[images]], minlength=len(classes)) for side in folds.validated])
    boxes = np.bincount(labels, minlength=len(classes))
    with np.errstate(invalid="ignore"):
        deviation = validated / (boxes * folds.validated.mean()) - 1
    return Balance(classes, boxes, validated, np.where(boxes > 0, deviation, np.nan))


def warn_of_rare_classes(found: Balance) -> None:
    """Log a warning for each class that some fold cannot be validated on."""
    for label, name in enumerate(found.classes):
        without = int((found.validated[:, label] == 0).sum())
        if without and found.boxes[label]:
            logging.getLogger("mmdet_trash").warning(
                "class %r: %d of %d folds validate on none of its boxes, of which there are %d",
                name, without, len(found.validated), found.boxes[label],
            )  # fmt: skip


def _check_count(groups: np.ndarray, count: int, kind: str) -> None:
    if count < 2:
        raise InputError(f"{count} {kind}: 2 or more are right")
    found = len(np.unique(groups))
    if found < count:
        images = "" if found == len(groups) else f" ({len(groups)} images in groups)"
        raise InputError(f"{count} {kind} of {found} groups of images{images}: at most {found} are right")


def _boxes(coco: dict[str, Any]) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """Each box, the position of its image and its label."""
    position = {image["id"]: index for index, image in enumerate(coco["images"])}
    label = {category: index for index, category in enumerate(sorted(c["id"] for c in coco["categories"]))}
    annotations = coco["annotations"]
    return (
        [annotation["bbox"] for annotation in annotations],
        np.array([position[annotation["image_id"]] for annotation in annotations], dtype=np.int64),
        np.array([label[annotation["category_id"]] for annotation in annotations], dtype=np.int64),
    )
