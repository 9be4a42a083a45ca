"""The report on a dataset: what it holds, where it lies, what looks wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_trash.datasets.fold_files import read_folds
from mmdet_trash.datasets.folds import balance
from mmdet_trash.datasets.images import find_image
from mmdet_trash.datasets.statistics import Statistics, annotated_boxes, statistics
from mmdet_trash.datasets.suspects import Suspect, find_suspects
from mmdet_trash.evaluation.coco import SIZES
from mmdet_trash.predictions import Predictions
from mmdet_trash.reports.charts import PERCENT, Charts, plain, shares
from mmdet_trash.reports.names import short_names
from mmdet_trash.reports.parts import Box, Cell, Chart, Fact, Gallery, Part, Picture, Report, Section, Table
from mmdet_trash.reports.pictures import as_corners, small_jpeg, window_around
from mmdet_trash.reports.words import Words

EACH = 12
"""Pictures of a kind of suspicious annotation."""
FULL = 0.25
"""Deviation from a fold's share of a class that has the strongest colour."""


@dataclass(frozen=True)
class Dataset:
    """Annotations, and where they come from.

    Attributes:
        path: of the annotation file.
        coco: its content.
        images: folder of its images, or None.
    """

    path: Path
    coco: dict[str, Any]
    images: Path | None = None


def eda_report(
    dataset: Dataset, words: Words, against: Dataset | None = None, folds_dir: str | Path | None = None
) -> Report:
    """Look at a dataset.

    Args:
        dataset: what to look at.
        words: of the report's language.
        against: another to set beside it.
        folds_dir: folder of its folds, as `tools/kfold.py` writes them.

    Raises:
        InputError: when the folds are not of this dataset.
    """
    datasets = [dataset] if against is None else [dataset, against]
    found = [statistics(each.coco) for each in datasets]
    classes = found[0].classes
    charts = Charts(words, classes, short_names([each.path.parent / each.path.stem for each in datasets]))
    suspects = find_suspects(dataset.coco)
    gallery, notes = _gallery(dataset, suspects, words)
    notes = [*_notes(datasets, found, words), *notes]
    facts = [_facts(numbers) for numbers in found]
    found = [found[0], *(_aligned(other, classes) for other in found[1:])]
    sections = [
        Section("images", _of_images(charts, found)),
        Section("classes", _of_classes(charts, found)),
        Section("boxes", _of_boxes(charts, found)),
        Section("places", _of_places(charts, found)),
        Section("folds", [] if folds_dir is None else [_fold_boxes(charts, dataset.coco, folds_dir)]),
        Section("suspects", [_suspect_kinds(charts, suspects), gallery] if suspects else []),
    ]
    if len(found) > 1:
        rows = [(name, *(fact.value for fact in own)) for name, own in zip(charts.series, facts, strict=True)]
        table = Table(("series", *(fact.name for fact in facts[0])), rows)
        sections.insert(0, Section("datasets", [Part(name="datasets", table=table)]))
    about = tuple(str(each.path) for each in datasets)
    first = [*facts[0], Fact("suspects", len(suspects))]
    return Report("eda", about, first, notes, sections, classes, charts.series)


def _facts(found: Statistics) -> list[Fact]:
    return [
        Fact("images", found.images),
        Fact("boxes", found.boxes),
        Fact("classes", int(np.count_nonzero(found.class_boxes))),
        Fact("boxes an image", plain(found.mean_objects)),
        Fact("most boxes", len(found.objects_per_image) - 1),
        Fact("empty images", found.empty_images),
    ]


def _notes(datasets: Sequence[Dataset], found: Sequence[Statistics], words: Words) -> list[str]:
    notes = []
    for dataset, numbers in zip(datasets, found, strict=True):
        without = [name for name, count in zip(numbers.classes, numbers.class_boxes, strict=True) if not count]
        if numbers.crowds:
            notes.append(words("eda.crowds", file=dataset.path, count=numbers.crowds))
        if not numbers.boxes:
            notes.append(words("eda.no_boxes", file=dataset.path))
        elif without:
            notes.append(words("eda.no_class", file=dataset.path, classes=", ".join(without)))
    for dataset, numbers in zip(datasets[1:], found[1:], strict=True):
        if left_out := [name for name in numbers.classes if name not in found[0].classes]:
            names = {"other": dataset.path, "file": datasets[0].path, "classes": ", ".join(left_out)}
            notes.append(words("eda.other_classes", **names))
    return notes


def _aligned(found: Statistics, classes: tuple[str, ...]) -> Statistics:
    """The numbers of these classes, in this order, of a dataset that may have others."""
    rows = [found.classes.index(name) if name in found.classes else -1 for name in classes]

    def of(array: np.ndarray) -> np.ndarray:
        nothing = np.full((1, *array.shape[1:]), 0 if array.dtype.kind == "i" else np.nan, array.dtype)
        return np.concatenate([array, nothing])[rows]

    per_class = ("class_boxes", "class_images", "sizes", "shares", "aspect_ratios", "centres", "lone_centres")
    changed: dict[str, Any] = {name: of(getattr(found, name)) for name in per_class}
    return replace(found, classes=classes, together=of(of(found.together).T).T, **changed)


def _of_images(charts: Charts, found: Sequence[Statistics]) -> list[Chart]:
    made = []
    for name, column in (("objects_per_image", "objects"), ("classes_per_image", "kinds")):
        counts = [getattr(numbers, name) for numbers in found]
        longest = max(map(len, counts))
        padded = [np.pad(count, (0, longest - len(count))) for count in counts]
        values, value, layout = _measured(charts, padded, [s.images for s in found], "images", "y")
        made.append(charts.bars(name, range(longest), values, (column, value), **layout))
    return made


def _of_classes(charts: Charts, found: Sequence[Statistics]) -> list[Chart]:
    made = []
    for name, of in (("class_boxes", "boxes"), ("class_images", "images")):
        counts, totals = [getattr(s, name) for s in found], [getattr(s, of) for s in found]
        values, value, layout = _measured(charts, counts, totals, of, "x")
        made.append(charts.class_bars(name, values, value, **layout))
    return made + [
        charts.matrix("together", s.classes, s.classes, shares(s.together, s.class_images[:, None]), s.together, series)
        for series, s in enumerate(found)
    ]


def _of_boxes(charts: Charts, found: Sequence[Statistics]) -> list[Chart]:
    log = {"type": "log"}
    ratios = {"tickvals": [0.1, 0.2, 0.5, 1, 2, 5, 10], "ticktext": ["1:10", "1:5", "1:2", "1:1", "2:1", "5:1", "10:1"]}
    return [
        charts.class_boxes("area_share", [s.shares for s in found], xaxis=log | PERCENT),
        charts.class_boxes("aspect_ratio", [s.aspect_ratios for s in found], xaxis=log | ratios),
        *(charts.stacked("sizes", SIZES, s.sizes, series) for series, s in enumerate(found)),
    ]


def _of_places(charts: Charts, found: Sequence[Statistics]) -> list[Chart]:
    maps = [(name, series, getattr(s, name)) for name in ("centres", "lone_centres") for series, s in enumerate(found)]
    return [charts.density(name, grids, series) for name, series, grids in maps if grids.any()]


def _measured(
    charts: Charts, counts: list[np.ndarray], totals: list[int], of: str, axis: str
) -> tuple[list[np.ndarray], str, dict[str, Any]]:
    """Counts of a single dataset, shares of several; the name of that number, and what the layout says of it."""
    if len(counts) == 1:
        return counts, of, {}
    title = {"title": {"text": charts.words(f"eda.share_of_{of}")}}
    return [shares(*pair) for pair in zip(counts, totals, strict=True)], "share", {f"{axis}axis": PERCENT | title}


def _fold_boxes(charts: Charts, coco: dict[str, Any], folds_dir: str | Path) -> Chart:
    found = balance(coco, read_folds(coco, folds_dir))
    names = [f"fold {number}" for number in range(len(found.validated))]
    shade = np.nan_to_num(np.abs(found.deviation) / FULL).clip(0, 1)
    return charts.matrix("fold_boxes", names, found.classes, shade, found.validated)


def _suspect_kinds(charts: Charts, suspects: list[Suspect]) -> Chart:
    counts = Counter(suspect.kind.value for suspect in suspects)
    return charts.alone().bars("suspect_kinds", list(counts), [list(counts.values())], ("kind", "annotations"))


def _gallery(dataset: Dataset, suspects: list[Suspect], words: Words) -> tuple[Gallery, list[str]]:
    """Suspicious annotations as a table, and some of each kind as pictures; and what is to be said of these."""
    annotations, boxes = annotated_boxes(dataset.coco)
    row_of = {annotation["id"]: row for row, annotation in enumerate(annotations)}
    files, classes = boxes.images.file_names, boxes.images.classes
    rows: list[tuple[Cell, ...]] = []
    pictures: list[Picture] = []
    lost = []
    drawn: Counter[str] = Counter()
    for suspect in suspects:
        marked = [row_of[annotation] for annotation in suspect.annotations]
        file, kind = files[suspect.image], suspect.kind.value
        named, ids = " · ".join(classes[boxes.labels[row]] for row in marked), " ".join(map(str, suspect.annotations))
        rows.append((kind, file, ids, named, suspect.amount))
        drawn[kind] += 1
        if dataset.images is None or drawn[kind] > EACH:
            continue
        size = boxes.images.sizes[suspect.image]
        window = window_around(boxes.bboxes[marked], size)
        jpeg = small_jpeg(find_image(dataset.images, file, str(dataset.path)), size, window)
        lost += [file] if jpeg is None else []
        caption = f"{file} · {ids} · {named} · {suspect.amount:.3g}"
        pictures.append(Picture(caption, window, _drawing(boxes, suspect.image, marked, kind), jpeg, kind))
    notes = []
    if dataset.images is None and suspects:
        notes.append(words("eda.no_images", file=dataset.path))
    elif lost:
        notes.append(words("eda.missing_images", file=dataset.path, count=len(set(lost)), first=lost[0]))
    table = Table(("kind", "image", "annotations", "classes", "amount"), rows)
    return Gallery(name="suspects", table=table, pictures=tuple(pictures)), notes


def _drawing(boxes: Predictions, image: int, marked: list[int], kind: str) -> tuple[Box, ...]:
    """An image's boxes, those that are marked on top of the others."""
    own = boxes.of_image(image)
    others = [row for row in range(own.start, own.stop) if row not in marked]
    return tuple(
        Box(
            "other" if row in others else kind,
            as_corners(boxes.bboxes[row]),
            int(boxes.labels[row]),
            boxes.images.classes[boxes.labels[row]],
            loud=row in marked,
        )
        for row in [*others, *marked]
    )
