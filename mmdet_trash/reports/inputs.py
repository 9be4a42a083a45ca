"""What an analysis reads: a ground truth, and the predictions of one or more models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_trash.annotations import class_names, load_annotations
from mmdet_trash.errors import InputError
from mmdet_trash.predictions import ImageTable, Predictions, Reading, read
from mmdet_trash.predictions.reading import WITHOUT_ROW
from mmdet_trash.reports.words import Words


@dataclass(frozen=True)
class Inputs:
    """Checked and about the same images.

    Attributes:
        coco: the ground truth.
        predictions: of each model.
        notes: what was not as it should be, one sentence each.
    """

    coco: dict[str, Any]
    predictions: list[Predictions]
    notes: list[str]


def read_inputs(
    ann_file: Path,
    models: Sequence[Sequence[str]],
    words: Words,
    predicted_only: bool = False,
    trust_pickle: bool = False,
) -> Inputs:
    """Read a ground truth and the prediction files of models.

    Args:
        ann_file: the ground truth.
        models: the files of each; several, such as one a fold, are joined.
        words: of the report's language.
        predicted_only: whether to leave out images that no file lists.
        trust_pickle: whether a pickle may be read, which lets it execute what it likes.

    Raises:
        InputError: when there is nothing to find, two files of a model list the same image, a score is below 0, and as
            `read`.
    """
    coco = load_annotations(ann_file)
    images = ImageTable.from_coco(coco)
    readings = [[read(file, images, trust_pickle) for file in files] for files in models]
    listed = [np.any([part.listed for part in parts], axis=0) for parts in readings]
    left = np.any(listed, axis=0) if predicted_only else np.ones(len(images), dtype=bool)
    notes = [note for model in zip(models, readings, listed, strict=True) for note in _notes(*model, left, words)]
    predictions = [_joined(files, parts) for files, parts in zip(models, readings, strict=True)]
    for files, found in zip(models, predictions, strict=True):
        if len(found) == 0:
            notes.append(words("analysis.no_boxes", file=", ".join(files)))
        elif found.scores.max() > 1:
            notes.append(words("analysis.big_scores", file=", ".join(files), most=f"{found.scores.max():.4g}"))
    if not left.all():
        notes.append(words("analysis.left_out", count=int((~left).sum()), all=len(images), file=ann_file))
        coco = {**coco, "images": [image for image, there in zip(coco["images"], left, strict=True) if there]}
        images = ImageTable.from_coco(coco)
        ids = set(images.ids.tolist())
        coco["annotations"] = [a for a in coco["annotations"] if a["image_id"] in ids]
        predictions = [found.over(images) for found in predictions]
    there = {annotation["category_id"] for annotation in coco["annotations"] if not annotation.get("iscrowd")}
    if not there:
        raise InputError(
            f"{ann_file}: the predicted images have no boxes, so nothing can be right; labelled ones are needed"
        )
    numbers = sorted(category["id"] for category in coco["categories"])
    if without := [name for name, number in zip(class_names(coco), numbers, strict=True) if number not in there]:
        notes.append(words("analysis.no_truth", file=ann_file, classes=", ".join(without)))
    return Inputs(coco, predictions, notes)


def _notes(
    files: Sequence[str], parts: Sequence[Reading], listed: np.ndarray, left: np.ndarray, words: Words
) -> Iterator[str]:
    """What is to be said of one model's files; of the images that they lack, what all of them lack together."""
    found = [(file, note) for file, part in zip(files, parts, strict=True) for note in part.notes]
    for file, note in found:
        if not note.startswith(WITHOUT_ROW):
            yield words("analysis.other_rows", file=file, note=note)
    missing = int((left & ~listed).sum())
    if missing and any(note.startswith(WITHOUT_ROW) for _, note in found):
        yield words("analysis.unlisted", file=", ".join(files), count=missing, all=int(left.sum()))


def _joined(files: Sequence[str], parts: Sequence[Reading]) -> Predictions:
    """The files of one model as one."""
    listed = np.zeros(len(parts[0].listed), dtype=np.int64)
    for file, part in zip(files, parts, strict=True):
        if (twice := part.listed & (listed > 0)).any():
            name = part.predictions.images.file_names[np.argmax(twice)]
            raise InputError(f"{file}: lists {name!r}, which another file of its model lists; each image once is right")
        listed += part.listed
        if len(part.predictions) and part.predictions.scores.min() < 0:
            raise InputError(f"{file}: a score is {part.predictions.scores.min()}, 0 or more is right")
    return Predictions.concat([part.predictions for part in parts])
