"""What a reader gives: a file's predictions, and what in the file was not as it should be."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmdet_trash.errors import InputError
from mmdet_trash.predictions.columns import ImageTable, Predictions

BORDER = 1e-3
"""Pixels that a box may reach over its image's border: what the rounding of a rescaled box leaves."""


WITHOUT_ROW = "images without a row"
"""How the note on images begins that a file says nothing of."""


@dataclass(frozen=True)
class Reading:
    """A prediction file, read.

    Attributes:
        predictions: the boxes.
        listed: (M,) bool, the images that the file has a row (or a box) of.
        notes: what was not as it should be and was read all the same: one line each, with a count and the first place.
    """

    predictions: Predictions
    listed: np.ndarray
    notes: tuple[str, ...]


def as_reading(
    images: ImageTable,
    columns: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    listed: np.ndarray,
    notes: list[str],
    place: Callable[[int], str],
) -> Reading:
    """Make a reading, with the notes on the boxes themselves added to those on the file.

    Args:
        images: the M images.
        columns: image_index (N,), labels (N,), scores (N,) and bboxes (N, 4) xyxy, in the file's order and checked.
        listed: (M,) bool, the images that the file has a row of.
        notes: what else was found.
        place: says where in the file a row of the columns stands.
    """
    image_index, _, scores, bboxes = columns
    x1, y1, x2, y2 = bboxes.T
    width, height = images.sizes[image_index].T
    outside = (np.minimum(x1, x2) < -BORDER) | (np.minimum(y1, y2) < -BORDER)
    outside |= (np.maximum(x1, x2) > width + BORDER) | (np.maximum(y1, y2) > height + BORDER)
    found = [
        *notes,
        *note_rows("boxes that reach outside their image", outside, place),
        *note_rows("boxes without area (x2 <= x1 or y2 <= y1)", (x2 <= x1) | (y2 <= y1), place),
        *note_rows(
            "scores outside 0 to 1", (scores < 0) | (scores > 1), lambda row: f"{place(row)} ({scores[row].item()!r})"
        ),
    ]
    listed.setflags(write=False)
    return Reading(Predictions.from_columns(images, *columns), listed, tuple(found))


def note(what: str, count: int | str, first: str) -> str:
    """The form of every note."""
    return f"{what}: {count}, first {first}"


def note_rows(what: str, wrong: np.ndarray, place: Callable[[int], str]) -> list[str]:
    """A note on the rows where the boolean `wrong` is true, or none."""
    count = int(np.count_nonzero(wrong))
    return [note(what, count, place(int(np.argmax(wrong))))] if count else []


def note_missing(what: str, images: ImageTable, listed: np.ndarray) -> list[str]:
    """A note on the images that a file says nothing of, or none."""
    count = int(np.count_nonzero(~listed))
    return [note(what, f"{count} of {len(images)}", repr(images.file_names[np.argmin(listed)]))] if count else []


def match(values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find values among known ones.

    Args:
        values: (N,) numbers.
        known: (K,) numbers, no two the same.

    Returns:
        (N,) int64, the position in `known` (any where there is none), and (N,) bool, whether there is one.
    """
    if not len(known):
        return np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=bool)
    order = np.argsort(known)
    position = order[np.searchsorted(known, values, sorter=order).clip(max=len(known) - 1)]
    return position, known[position] == values


def read_bytes(path: str | Path, kind: str) -> bytes:
    """Read a file.

    Raises:
        InputError: when it is missing or a folder; `kind` is what is expected instead.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, {kind} is expected") from None
