"""Pseudo labels: a model's confident predictions as annotations to train on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_trash.annotations import is_int, load_annotations
from mmdet_trash.datasets.checks import MIN_SIDE
from mmdet_trash.datasets.images import find_image
from mmdet_trash.errors import InputError
from mmdet_trash.predictions import Predictions


@dataclass(frozen=True)
class LabelRule:
    """Which boxes become labels, and which images are taken.

    A box is a label if its score reaches its class's threshold. An image is taken if it has a label. The threshold is
    low by default: of .25, .5 and .7 a team of the competition got its best model from .25 (.632, .591, .525), since
    an object that is left out teaches that it is background.

    With `max_doubtful`, images that may well have such objects are left out: those with more boxes than that whose
    score is below their class's threshold and yet `doubt_thr` or more. It is off by default, since the images that
    remain are the easy ones, of few objects.

    Attributes:
        score_thr: one for all classes, or one a class; 0 to 1.
        doubt_thr: lowest score that counts as doubt; used with `max_doubtful` only.
        max_doubtful: most doubtful boxes an accepted image has, or None for any number.

    Raises:
        InputError: for a threshold outside 0 to 1, a `doubt_thr` above a `score_thr`, or a negative count.
    """

    score_thr: tuple[float, ...] = (0.25,)
    doubt_thr: float = 0.2
    max_doubtful: int | None = None

    def __post_init__(self) -> None:
        for name, thresholds in (("score_thr", self.score_thr), ("doubt_thr", (self.doubt_thr,))):
            for threshold in thresholds:
                if not 0 <= threshold <= 1:
                    raise InputError(f"{name}: {threshold} is no score, 0 to 1 is right")
        if self.max_doubtful is None:
            return
        if self.max_doubtful < 0:
            raise InputError(f"max_doubtful: {self.max_doubtful} is no number of boxes, 0 or more is right")
        if self.doubt_thr > min(self.score_thr):
            raise InputError(
                f"doubt_thr: {self.doubt_thr} is above the score_thr {min(self.score_thr)}, at most that is right"
            )

    def thresholds(self, classes: tuple[str, ...]) -> np.ndarray:
        """The (C,) threshold of each class.

        Raises:
            InputError: when there is neither one nor one a class.
        """
        if len(self.score_thr) not in (1, len(classes)):
            raise InputError(
                f"score_thr: has {len(self.score_thr)} numbers, 1 or {len(classes)}, one a class, is right"
            )
        return np.broadcast_to(np.array(self.score_thr, dtype=np.float64), len(classes))


@dataclass(frozen=True)
class PseudoLabels:
    """What a rule made of predictions.

    Attributes:
        boxes: the labels of the accepted images, clipped to their image; an image without one is not accepted.
        tiny: how many of all boxes were dropped since they are under a pixel within their image.
    """

    boxes: Predictions
    tiny: int

    @property
    def accepted(self) -> np.ndarray:
        """(M,) bool, the images that are taken."""
        return np.bincount(self.boxes.image_index, minlength=len(self.boxes.images)) > 0


def choose_labels(predictions: Predictions, rule: LabelRule) -> PseudoLabels:
    """Choose the boxes and images that become training data.

    Boxes under a pixel within their image are dropped first: they are neither labels nor doubt.

    Raises:
        InputError: when no image is accepted, or the rule has another number of classes.
    """
    thresholds = rule.thresholds(predictions.images.classes)
    clipped = _clipped(predictions)
    boxes = clipped.select((clipped.bboxes[:, 2:] - clipped.bboxes[:, :2] >= MIN_SIDE).all(axis=1))
    is_label = boxes.scores >= thresholds[boxes.labels]
    keep = is_label
    if rule.max_doubtful is not None:
        doubtful = ~is_label & (boxes.scores >= rule.doubt_thr)
        doubts = np.bincount(boxes.image_index[doubtful], minlength=len(boxes.images))
        keep = is_label & (doubts <= rule.max_doubtful)[boxes.image_index]
    if not is_label.any():
        best = f"the highest score is {boxes.scores.max():.3g}" if len(boxes) else "there is none"
        raise InputError(f"no image is accepted: no box reaches score_thr, {best}")
    if not keep.any():
        raise InputError(
            f"no image is accepted: each with a label has more than max_doubtful {rule.max_doubtful} boxes that score "
            f"{rule.doubt_thr} or more and are no labels"
        )
    return PseudoLabels(boxes.select(keep), len(predictions) - len(boxes))


def _clipped(predictions: Predictions) -> Predictions:
    width_height = np.tile(predictions.images.sizes[predictions.image_index], 2)
    return replace(predictions, bboxes=np.clip(predictions.bboxes, 0, width_height))


def as_annotations(coco: dict[str, Any], labels: PseudoLabels, origin: dict[str, Any]) -> dict[str, Any]:
    """Write labels as COCO.

    Args:
        coco: the unlabelled file that the predictions are about, as `load_annotations` gives it.
        labels: of its images.
        origin: where the labels come from; kept as `info.pseudo_labels`.

    Returns:
        The accepted images as they were, an annotation a label with its `score`, and what else the file holds.
    """
    boxes = labels.boxes
    boxes_xywh = boxes.bboxes.copy()
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    columns = (
        boxes.images.ids[boxes.image_index],
        boxes.images.category_ids[boxes.labels],
        boxes_xywh,
        boxes_xywh[:, 2] * boxes_xywh[:, 3],
        boxes.scores,
    )
    names = ("image_id", "category_id", "bbox", "area", "score")
    rows = enumerate(zip(*(column.tolist() for column in columns), strict=True), start=1)
    return {
        **coco,
        "info": {**(coco.get("info") or {}), "pseudo_labels": origin},
        "images": [image for image, taken in zip(coco["images"], labels.accepted, strict=True) if taken],
        "annotations": [{"id": number, **dict(zip(names, row, strict=True)), "iscrowd": 0} for number, row in rows],
    }


def load_unlabelled(path: str | Path) -> dict[str, Any]:
    """Read an annotation file of images that have no labels.

    Raises:
        InputError: when it has some, or cannot be used.
    """
    coco = load_annotations(path)
    if coco["annotations"]:
        raise InputError(f"{path}: is already labelled, with {len(coco['annotations'])} boxes; a test set is right")
    if not isinstance(coco.get("info") or {}, dict):
        raise InputError(f"{path}: info is {coco['info']!r}, an object is right")
    return coco


def with_folders(coco: dict[str, Any], path: str | Path) -> dict[str, Any]:
    """Write an image's `file_name` with its folder, where it is given without.

    Images named without are looked for in the folder that the annotation file's name begins with (see `find_image`),
    which would be another one for a file of another name.

    Args:
        coco: an annotation file's content.
        path: that file, in the dataset's folder.
    """
    root, images = Path(path).parent, []
    for image in coco["images"]:
        name = image["file_name"]
        found = find_image(root, name, str(path))
        images.append(image if found == root / name else {**image, "file_name": found.relative_to(root).as_posix()})
    return {**coco, "images": images}


def check_no_leak(extra_file: str | Path, fold: int, val_file: str | Path) -> None:
    """Check that training a fold on an extra annotation file teaches nothing of its validation images.

    Pseudo labels by an ensemble of folds, or by another fold's model, are by models that learnt from these images.

    Args:
        extra_file: pseudo labels, or other annotations.
        fold: the fold that is trained.
        val_file: the annotation file that it is validated on.

    Raises:
        InputError: when the labels are another fold's or not known to be this one's, or an image is validated on.
    """
    coco = load_annotations(extra_file)
    info = coco.get("info")
    if isinstance(info, dict) and "pseudo_labels" in info:
        origin = info["pseudo_labels"]
        made_by = origin.get("fold") if isinstance(origin, dict) else None
        if not is_int(made_by) or made_by != fold:
            raise InputError(
                f"{extra_file}: its pseudo labels are of fold {made_by}, made by models that may have learnt from fold "
                f"{fold}'s validation images; those of fold {fold}'s own model are right"
            )
    held_out = {image["file_name"] for image in load_annotations(val_file)["images"]}
    for image in coco["images"]:
        if image["file_name"] in held_out:
            raise InputError(
                f"{extra_file}: image {image['id']} {image['file_name']!r} is one that {val_file} validates on; images "
                "of no validation set are right"
            )
