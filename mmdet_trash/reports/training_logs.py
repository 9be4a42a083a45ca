"""Losses and metrics of trainings, from the logs MMEngine writes."""

import json
import math
import os
import re
import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmdet_trash.annotations import is_int
from mmdet_trash.errors import InputError
from mmdet_trash.reports.names import short_names

POINTS = 500
"""A loss of more values is drawn as means of as many in a row as makes it at most so many points."""
METRICS = {"mAP50": "mAP50", "mAP": "mAP", "bbox_mAP_50": "mAP50", "bbox_mAP": "mAP"}
"""Our name of each figure that is read of a validation, by its name in a log: our metric's, and MMDetection's own."""


@dataclass(frozen=True)
class Curve:
    """A figure over the course of a training.

    Attributes:
        x: (n,) float64, rising: the step or epoch.
        y: (n,) float64. What was not finite stays so.
        window: how many logged values a point is the mean of; the last point may be of fewer.
    """

    x: np.ndarray
    y: np.ndarray
    window: int = 1


@dataclass(frozen=True)
class Training:
    """One training, over all its starts.

    Attributes:
        name: `"fold0"`, `"trial0"`, …, or `""` for a run that is a single training.
        losses: `"loss"`, their sum, and each part by its name in the log, over steps.
        metrics: `"mAP50"` and `"mAP"`, where validations gave them, over epochs. In a training by iterations, over what
            the log counts validations by.
        epoch_steps: steps an epoch, as far as the log shows; 0 in a training by iterations.
    """

    name: str
    losses: dict[str, Curve]
    metrics: dict[str, Curve]
    epoch_steps: int


@dataclass(frozen=True)
class Run:
    """A folder of one training, of the folds of a k-fold run, or of the trials of a search.

    Attributes:
        name: the folder's, with as much of its path as tells it from others.
        trainings: one, or one a fold or trial, by number; those without a line of log yet are left out.
    """

    name: str
    trainings: tuple[Training, ...]


@dataclass(frozen=True)
class Band:
    """Curves of several folds as one.

    Attributes:
        x: (n,) float64, every step or epoch of any fold that lies within all of them.
        mean: (n,) float64, of the folds, each taken as straight between its points.
        low: (n,) float64, the lowest fold.
        high: (n,) float64, the highest fold.
    """

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def read_runs(folders: Sequence[str | os.PathLike[str]]) -> list[Run]:
    """Read the logs of runs.

    Args:
        folders: work dirs of `tools/train.py`, `tools/train_kfold.py` or `tools/search.py`.

    Returns:
        A run for each folder, in their order.

    Raises:
        InputError: when a folder is missing, is given twice or holds no log, or a log has a line that is none.
    """
    paths = [Path(folder).resolve() for folder in folders]
    for number, path in enumerate(paths):
        if path in paths[:number]:
            raise InputError(f"{folders[number]}: is given twice, each run once is right")
    return [
        Run(name, tuple(_trainings(Path(folder)))) for name, folder in zip(short_names(paths), folders, strict=True)
    ]


def band(curves: Sequence[Curve]) -> Band:
    """Mean and range of folds' curves; empty where there is no curve or they have no part in common."""
    if not curves or not all(len(curve.x) for curve in curves):
        return Band(*np.empty((4, 0)))
    x = np.unique(np.concatenate([curve.x for curve in curves]))
    x = x[(x >= max(curve.x[0] for curve in curves)) & (x <= min(curve.x[-1] for curve in curves))]
    y = np.stack([np.interp(x, curve.x, curve.y) for curve in curves])
    return Band(x, y.mean(0), y.min(0), y.max(0))


def _trainings(folder: Path) -> list[Training]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder, a run's work dir is right")
    parts = {child: re.fullmatch(r"(fold|trial)(\d+)", child.name) for child in folder.iterdir()}
    inner = sorted((match[1], int(match[2]), child) for child, match in parts.items() if match)
    found = [training for *_, child in inner if (training := _read_training(child, child.name))]
    if not found and (training := _read_training(folder, "")):
        found = [training]
    if not found:
        raise InputError(
            f"{folder}: holds no log of a training; a work dir with TIMESTAMP/vis_data/scalars.json, "
            "or with such folders fold0/, fold1/, … is right"
        )
    return found


def _read_training(folder: Path, name: str) -> Training | None:
    """Join the logs of all starts: from its first step and epoch on, a start stands for those before it."""
    steps: dict[int, _Entry] = {}
    validations: dict[int, _Entry] = {}
    for path in sorted(folder.glob("*/vis_data/scalars.json")):
        entries = list(_entries(path))
        first = next((entry for entry in entries if entry.trains), None)
        if first is None:
            continue  # a validation alone, or a start that was stopped before its first line
        begin = first.epoch or first.step
        steps = {step: entry for step, entry in steps.items() if step < first.step}
        validations = {step: entry for step, entry in validations.items() if step < begin}
        for entry in entries:
            (steps if entry.trains else validations)[entry.step] = entry
    if not steps:
        return None
    lengths = [entry.step / entry.epoch for entry in steps.values() if entry.epoch]
    return Training(name, _curves(steps), _curves(validations), math.ceil(max(lengths, default=0)))


class _Entry(NamedTuple):
    """A line of a log. Those of validations have no epoch: it is their step."""

    step: int
    epoch: int | None
    trains: bool
    figures: dict[str, float]


def _entries(path: Path) -> Iterator[_Entry]:
    """The lines of a log; a last one that is cut, as a kill leaves it, is left out."""
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(lines):
                return
            raise InputError(f"{path} line {number}: is no JSON, a line of MMEngine's log is right") from None
        try:
            yield _entry(content)
        except InputError as error:
            raise InputError(f"{path} line {number}: {error}") from None


def _entry(content: Any) -> _Entry:
    if not isinstance(content, dict):
        raise InputError("is no object, a line of MMEngine's log is right")
    step: Any = content.get("step")
    epoch: Any = content.get("epoch")
    trains = "iter" in content
    if not is_int(step) or step < 0:
        raise InputError(f"has step {step!r}, an integer from 0 on is right")
    if epoch is not None and (not is_int(epoch) or epoch < 1):
        raise InputError(f"has epoch {epoch!r}, an integer from 1 on is right")
    figures = {}
    for key, value in content.items():
        name = key.rpartition("/")[2]
        if name not in METRICS and not (trains and "loss" in name):
            continue
        if not isinstance(value, float) and not is_int(value):
            raise InputError(f"has {key} {reprlib.repr(value)}, a number is right")
        figures[METRICS.get(name, name)] = float(value)
    return _Entry(step, epoch, trains, figures)


def _curves(entries: dict[int, _Entry]) -> dict[str, Curve]:
    """A curve of each figure, over the entries that have it."""
    points: dict[str, list[tuple[int, float]]] = {}
    for step in sorted(entries):
        for name, value in entries[step].figures.items():
            points.setdefault(name, []).append((step, value))
    return {name: _thinned(np.array(values, dtype=np.float64)) for name, values in points.items()}


def _thinned(points: np.ndarray) -> Curve:
    """(n, 2) of x and y as a curve of at most `POINTS` points."""
    window = math.ceil(len(points) / POINTS)
    starts = np.arange(0, len(points), window)
    sums, counts = np.add.reduceat(points, starts), np.diff(starts, append=len(points))
    x, y = (sums / counts[:, None]).T
    return Curve(x, y, window)
