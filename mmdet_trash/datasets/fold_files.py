"""Folds as files: an annotation file for each side of each fold, and a table of who is where."""

import csv
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_trash.annotations import load_annotations
from mmdet_trash.datasets.folds import Folds
from mmdet_trash.errors import InputError

NAME = re.compile(r"(train|val)_fold(\d+)\.json")
TABLE = "folds.csv"


def write_folds(coco: dict[str, Any], folds: Folds, out_dir: str | Path) -> None:
    """Write `train_fold{k}.json`, `val_fold{k}.json` and `folds.csv`, all of them or none.

    Every field of the annotation file is kept. An image that a bag holds several times stands in it once, with its
    number in `copies`, as `TrashDataset` reads it. Fold files of an earlier, larger split are removed.

    Args:
        coco: the content of the annotation file.
        folds: who trains and validates on what.
        out_dir: folder to write to, made if missing.

    Raises:
        OSError: when the folder cannot be written or the disk is full; nothing was changed then.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".folds.", dir=out_dir) as scratch:
            for fold, times in enumerate(folds.times):
                _write(coco, times, Path(scratch) / f"train_fold{fold}.json")
                _write(coco, times == 0, Path(scratch) / f"val_fold{fold}.json")
            _write_table(coco["images"], folds, Path(scratch) / TABLE)
            names = {path.name for path in Path(scratch).iterdir()}
            for name in sorted(names):
                (Path(scratch) / name).replace(out_dir / name)
    except OSError as error:
        raise OSError(error.errno, f"folds cannot be written: {error.strerror}", str(out_dir)) from error
    for path in out_dir.iterdir():
        if NAME.fullmatch(path.name) and path.name not in names:
            path.unlink()


def fold_files(folds_dir: str | Path, part: str) -> list[Path]:
    """The files of one part, `"train"` or `"val"`, of each fold of a folder.

    Raises:
        InputError: when there are none, or a number is left out.
    """
    found = {
        int(match[2]): path
        for path in Path(folds_dir).glob("*.json")
        if (match := NAME.fullmatch(path.name)) and match[1] == part
    }
    if not found:
        raise InputError(f"{folds_dir}: has no {part}_fold0.json; tools/kfold.py writes it")
    for fold in range(max(found)):
        if fold not in found:
            raise InputError(f"{folds_dir}: has {part}_fold{max(found)}.json and no {part}_fold{fold}.json")
    return [found[fold] for fold in sorted(found)]


def read_folds(coco: dict[str, Any], folds_dir: str | Path) -> Folds:
    """Who validates on what, from `val_fold{k}.json` of a folder; each image is a group of its own.

    Args:
        coco: the content of the annotation file that the folds are of.
        folds_dir: the folder.

    Raises:
        InputError: when there are none, or one holds an image that the annotation file has not.
    """
    position = {image["id"]: index for index, image in enumerate(coco["images"])}
    paths = fold_files(folds_dir, "val")
    times = np.ones((len(paths), len(position)), np.int64)
    for fold, path in enumerate(paths):
        ids = [image["id"] for image in load_annotations(path)["images"]]
        if unknown := set(ids) - position.keys():
            raise InputError(f"{path}: image {min(unknown)} is none of the annotation file's; folds of it are right")
        times[fold, [position[image_id] for image_id in ids]] = 0
    return Folds(times, np.arange(len(position)))


def _write(coco: dict[str, Any], times: np.ndarray, path: Path) -> None:
    images = [
        {**image, "copies": count} if count > 1 else image
        for image, count in zip(coco["images"], times.astype(int).tolist(), strict=True)
        if count
    ]
    ids = {image["id"] for image in images}
    annotations = [annotation for annotation in coco["annotations"] if annotation["image_id"] in ids]
    with path.open("w", encoding="utf-8") as file:
        json.dump({**coco, "images": images, "annotations": annotations}, file, ensure_ascii=False)


def _write_table(images: Sequence[dict[str, Any]], folds: Folds, path: Path) -> None:
    """A row an image: the fold that validates on it, or how often each bag holds it."""
    bags = (folds.validated.sum(axis=0) != 1).any()
    columns = [f"bag{k}" for k in range(len(folds))] if bags else ["fold"]
    cells = folds.times.T if bags else folds.validated.argmax(axis=0)[:, None]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["image_id", "file_name", "group", *columns])
        for image, group, found in zip(images, folds.groups.tolist(), cells.tolist(), strict=True):
            rows.writerow([image["id"], image["file_name"], group, *found])
