"""The images that a model gets most wrong, with what it predicts and what is true."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmdet_trash.datasets.images import find_image
from mmdet_trash.evaluation.analysis import Evaluated
from mmdet_trash.evaluation.errors import Kind
from mmdet_trash.reports.charts import plain
from mmdet_trash.reports.parts import Box, Gallery, Picture, Table
from mmdet_trash.reports.pictures import as_corners, small_jpeg
from mmdet_trash.reports.words import Words


@dataclass(frozen=True)
class Photographs:
    """Where the images of an annotation file lie, and how many of them to show.

    Attributes:
        root: their folder.
        ann_file: the annotation file.
        count: how many, of each model.
    """

    root: Path
    ann_file: Path
    count: int


def worst_images(
    evaluated: Evaluated, score_thr: float, words: Words, photographs: Photographs | None
) -> tuple[Gallery, list[str]]:
    """Rank images by their mistakes: boxes that find nothing and objects that nothing finds.

    Args:
        evaluated: predictions.
        score_thr: boxes of a lower score are left out.
        words: of the report's language.
        photographs: what to draw; without, only the table is made.

    Returns:
        The table of all images and some pictures; and the names of images that cannot be read.
    """
    files, counts = evaluated.predictions.images.file_names, evaluated.per_image(score_thr)
    mistakes = counts.false + counts.missed
    order = np.lexsort((np.nan_to_num(counts.f1, nan=1), -mistakes)).tolist()
    rows = [(files[i], *plain([counts.right[i], counts.false[i], counts.missed[i], counts.f1[i]])) for i in order]
    table = Table(("image", "right", "false", "missed", "F1"), rows)
    if photographs is None:
        return Gallery(name="worst", table=table, pictures=()), []
    pictures = []
    for index, (file, right, false, missed, _) in zip(order[: photographs.count], rows, strict=False):
        if not mistakes[index]:
            break
        size = evaluated.predictions.images.sizes[index]
        window = as_corners(np.array([0, 0, *size], dtype=np.float64))
        boxes = _drawing(evaluated, index, score_thr)
        kind = _main_mistake(evaluated, index, score_thr)
        caption = words("analysis.worst", file=file, right=right, false=false, missed=missed)
        jpeg = small_jpeg(find_image(photographs.root, file, str(photographs.ann_file)), size, window)
        pictures.append(Picture(caption, window, boxes, jpeg, kind))
    lost = [file for picture, (file, *_) in zip(pictures, rows, strict=False) if picture.jpeg is None]
    return Gallery(name="worst", table=table, pictures=tuple(pictures)), lost


def _main_mistake(evaluated: Evaluated, image: int, score_thr: float) -> str:
    """The most frequent kind; an object that a box of wrong class or place aims at is not missed besides."""
    own = evaluated.predictions.of_image(image)
    kept = np.arange(own.start, own.stop)[evaluated.predictions.scores[own] >= score_thr]
    kinds, targets = evaluated.errors.kinds[kept], evaluated.errors.targets[kept]
    true = np.flatnonzero((evaluated.true_boxes.image_index == image) & evaluated.true_boxes.counted())
    aimed_at = targets[np.isin(kinds, (Kind.RIGHT, Kind.LOCALIZATION, Kind.CLASSIFICATION))]
    counts = Counter(Kind(kind).name.lower() for kind in kinds if kind > Kind.RIGHT)
    counts["missed"] = len(np.setdiff1d(true, aimed_at))
    return counts.most_common(1)[0][0]


def _drawing(evaluated: Evaluated, image: int, score_thr: float) -> tuple[Box, ...]:
    """True boxes below, predicted ones above, the best on top; what is wrong says so."""
    true, predictions, classes = evaluated.true_boxes, evaluated.predictions, evaluated.predictions.images.classes
    first, last = np.searchsorted(true.image_index, [image, image + 1])
    own = predictions.of_image(image)
    kept = [row for row in range(own.start, own.stop) if predictions.scores[row] >= score_thr]
    found = set(evaluated.found[kept].tolist())
    drawn = []
    for row in range(first, last):
        if true.crowds[row]:
            continue
        corners, label = true.boxes_xywh[row].copy(), int(true.labels[row])
        corners[2:] += corners[:2]
        missed = row not in found
        drawn.append(Box("missed" if missed else "truth", as_corners(corners), label, classes[label], loud=missed))
    for row in sorted(kept, key=lambda row: predictions.scores[row]):
        kind, score, label = Kind(evaluated.errors.kinds[row]), predictions.scores[row], int(predictions.labels[row])
        if kind is Kind.IGNORED:
            continue
        text, corners = f"{classes[label]} {score:.2f}", as_corners(predictions.bboxes[row])
        drawn.append(Box(kind.name.lower(), corners, label, text, loud=kind is not Kind.RIGHT))
    return tuple(drawn)
