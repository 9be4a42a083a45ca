"""COCO results: a JSON list with `image_id`, `category_id`, `bbox` as xywh in pixels and `score` for each box."""

import codecs
import io
import reprlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mmdet_trash.annotations import is_int, is_number
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, read_json
from mmdet_trash.predictions.columns import ImageTable, Predictions
from mmdet_trash.predictions.precision import xyxy_of
from mmdet_trash.predictions.reading import Reading, as_reading, match, read_bytes

KEYS = ("image_id", "category_id", "bbox", "score")
# Ids are read as floats: an integer column would cut 1.5 to 1.
SCHEMA = pl.Schema(
    [("image_id", pl.Float64()), ("category_id", pl.Float64()), ("bbox", pl.List(pl.Float64)), ("score", pl.Float64())]
)
WHOLE = 2**53
"""Below it every whole number is a float."""

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Image ids (N,) int64, category ids (N,) int64, boxes (N, 4) float64 xywh, scores (N,) float64."""


def read_coco_results(path: str | Path, images: ImageTable) -> Reading:
    """Read COCO results; other keys of an entry, such as `area` or `segmentation`, are left out.

    Args:
        path: a JSON list of boxes. An image without one does not stand in it.
        images: the images that the results are about.

    Raises:
        InputError: naming the file and the entry, when a key is missing, a value is none of its kind, or an image or
            category is unknown.
    """
    columns = _read_columns(read_bytes(path, "a JSON file"))
    image_ids, category_ids, boxes_xywh, scores = columns or _read_entries(path)
    image_index, known = match(image_ids, images.ids)
    if not known.all():
        row = int(np.argmin(known))
        raise InputError(f"{path}: {_place(row)}: image_id {image_ids[row]} is no image of the annotation file")
    labels, known = match(category_ids, images.category_ids)
    if not known.all():
        row = int(np.argmin(known))
        raise InputError(
            f"{path}: {_place(row)}: category_id {category_ids[row]} is no category of the annotation file"
        )
    bboxes = xyxy_of(boxes_xywh)
    finite = np.isfinite(bboxes).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(f"{path}: {_place(row)}: bbox {boxes_xywh[row].tolist()} ends beyond the largest number")
    listed = np.zeros(len(images), dtype=bool)
    listed[image_index] = True
    return as_reading(images, (image_index, labels, scores, bboxes), listed, [], _place)


def _place(row: int) -> str:
    return f"entry at position {row}"


def _read_columns(content: bytes) -> Columns | None:
    """The columns of a file in which nothing is doubtful, else None."""
    content = content.removeprefix(codecs.BOM_UTF8).strip()
    # Polars would read true as 1.
    if not (content.startswith(b"[") and content.endswith(b"]")) or b"true" in content or b"false" in content:
        return None
    table = _read_lines(content)
    if table is None:
        try:
            table = pl.read_json(content, schema=SCHEMA)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return None
    boxes = table["bbox"]
    if sum(table.null_count().row(0)) or not (boxes.list.len() == 4).all():
        return None
    numbers = boxes.explode(empty_as_null=False)
    ids = table.select("image_id", "category_id").to_numpy()
    if numbers.null_count() or not ((ids == np.floor(ids)) & (np.abs(ids) < WHOLE)).all():
        return None
    whole = ids.astype(np.int64)
    return whole[:, 0], whole[:, 1], numbers.to_numpy().reshape(-1, 4), table["score"].to_numpy()


def _read_lines(content: bytes) -> pl.DataFrame | None:
    """Read a list of objects as an object a line, which needs a third of the memory and half of the time."""
    if b"\n" in content or b"\r" in content:
        return None
    lines = content[1:-1].replace(b"}, {", b"}\n{").replace(b"},{", b"}\n{")
    try:
        # Where the list was cut inside an object, two lines are no JSON.
        return pl.read_ndjson(lines, schema=SCHEMA)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def _read_entries(path: str | Path) -> Columns:
    """Read entry by entry: slower, and it knows what is wrong where."""
    entries = read_json(path)
    if not isinstance(entries, list):
        raise InputError(f"{path}: is no COCO results file: a list of objects with {', '.join(KEYS)} is right")
    for row, entry in enumerate(entries):
        if fault := _fault(entry):
            raise InputError(f"{path}: {_place(row)}: {fault}")
    return (
        np.array([int(entry["image_id"]) for entry in entries], dtype=np.int64),
        np.array([int(entry["category_id"]) for entry in entries], dtype=np.int64),
        np.array([entry["bbox"] for entry in entries], dtype=np.float64).reshape(-1, 4),
        np.array([entry["score"] for entry in entries], dtype=np.float64),
    )


def _fault(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return f"is {reprlib.repr(entry)}, an object with {', '.join(KEYS)} is right"
    for key in KEYS:
        if key not in entry:
            return f"has no {key}; {', '.join(KEYS)} are right"
    for key in ("image_id", "category_id"):
        value = entry[key]
        if not is_int(value) and not (is_number(value) and abs(value) < WHOLE and value == int(value)):
            return f"has {key} {reprlib.repr(value)}, an integer is right"
    bbox = entry["bbox"]
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_number, bbox)):
        return f"has bbox {reprlib.repr(bbox)}, [x, y, width, height] as four finite numbers is right"
    if not is_number(entry["score"]):
        return f"has score {reprlib.repr(entry['score'])}, a finite number is right"
    return None


def write_coco_results(predictions: Predictions, path: Path) -> None:
    """Write COCO results; an image without detections is not in them."""
    images = predictions.images
    boxes_xywh = predictions.bboxes.copy()
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    table = pl.DataFrame(
        {
            "image_id": images.ids[predictions.image_index],
            "category_id": images.category_ids[predictions.labels],
            "bbox": pl.Series(boxes_xywh, dtype=pl.Array(pl.Float64, 4)),
            "score": predictions.scores,
        }
    )
    # Written by Python, not by polars, whose errors about a full disk are no OSError.
    content = io.BytesIO()
    table.write_json(content)
    with atomic_write(path, "wb") as file:
        file.write(content.getvalue())
