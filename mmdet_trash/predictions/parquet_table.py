"""Predictions as a Parquet table: a row a box, and one with nulls for an image without."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write
from mmdet_trash.predictions.columns import ImageTable, Predictions
from mmdet_trash.predictions.reading import WITHOUT_ROW, Reading, as_reading, note_missing, read_bytes

NUMBERS = ("score", "x1", "y1", "x2", "y2")
COLUMNS = (("image_id", "file_name"), ("label", "category_id"), *((name,) for name in NUMBERS))
"""What a table needs: one of each."""
TEXT = (pl.String, pl.Categorical, pl.Enum)
BY_NAME = (("file_name",), ("category_id",), *COLUMNS[2:])


def read_parquet(path: str | Path, images: ImageTable, by_name: bool = False) -> Reading:
    """Read a table of `image_id` or `file_name`, `label` or `category_id`, `score`, `x1`, `y1`, `x2`, `y2`.

    Args:
        path: the table. A row whose box is null says that its image was looked at.
        images: the images that the predictions are about.
        by_name: join by `file_name` and `category_id` alone, whatever else the table says.

    Raises:
        InputError: naming the file and the row, when a column is missing, a value is none of its kind, an image or
            class is unknown, or two columns contradict each other.
    """
    table = _read_table(path, BY_NAME if by_name else COLUMNS)
    image_index = _positions(path, table, {"image_id": images.ids, "file_name": images.file_names})
    listed = np.zeros(len(images), dtype=bool)
    listed[image_index] = True

    is_box = _box_rows(path, table)
    boxes = table.filter(is_box)
    labels = _positions(path, boxes, {"label": np.arange(len(images.classes)), "category_id": images.category_ids})
    columns = (
        image_index[is_box.to_numpy()],
        labels,
        boxes["score"].to_numpy(),
        boxes.select(NUMBERS[1:]).to_numpy(),
    )
    notes = note_missing(WITHOUT_ROW, images, listed)
    return as_reading(images, columns, listed, notes, lambda box: _place(boxes["row"][box]))


def named_in_parquet(path: str | Path) -> tuple[list[str], np.ndarray]:
    """The images and the category ids that a table names, which may be none of any annotation file.

    Raises:
        InputError: when it is no table with `file_name` and `category_id`.
    """
    table = _read_table(path, BY_NAME)
    names, category_ids = table["file_name"].drop_nulls(), table["category_id"].drop_nulls()
    return names.unique(maintain_order=True).to_list(), category_ids.unique().sort().to_numpy()


def _place(row: int) -> str:
    return f"row at position {row}"


def _read_table(path: str | Path, wanted: Sequence[tuple[str, ...]]) -> pl.DataFrame:
    """The wanted columns and `row`, their position: names as text, ids as integers, numbers as floats."""
    content = read_bytes(path, "a Parquet file")
    try:
        table = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(f"{path}: not a whole Parquet file: {str(error).splitlines()[0]}") from None
    for names in wanted:
        if not any(name in table.columns for name in names):
            right = ", ".join(" or ".join(names) for names in wanted)
            raise InputError(f"{path}: has no column {' or '.join(names)}; {right} are right")
    columns = [_column(path, table[name]) for names in wanted for name in names if name in table.columns]
    return pl.DataFrame(columns).with_row_index("row")


def _column(path: str | Path, column: pl.Series) -> pl.Series:
    """A column as its kind; what is no number or is infinite is refused, null stays null."""
    text = column.name == "file_name"
    if column.dtype != pl.Null and not (isinstance(column.dtype, TEXT) if text else column.dtype.is_numeric()):
        right = "text is" if text else "numbers are"
        raise InputError(f"{path}: column {column.name} holds {column.dtype}, {right} right")
    if text:
        return column.cast(pl.String)
    numbers = column.cast(pl.Float64, strict=False)
    if column.name in NUMBERS:
        values, right = numbers, "finite number"
        good = values.is_finite()
    else:
        values, right = column.cast(pl.Int64, strict=False), "whole number"
        good = values.is_not_null() & (numbers.floor() == numbers)
    wrong = column.is_not_null() & ~good.fill_null(False)
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise InputError(f"{path}: {_place(row)}: {column.name} is {column[row]}, a {right} is right")
    return values


def _box_rows(path: str | Path, table: pl.DataFrame) -> pl.Series:
    """(rows,) bool, whether a row is a box; otherwise all its values are null."""
    names = [name for name in table.columns if name not in ("row", "image_id", "file_name")]
    empty = table.select(pl.col(names).is_null())
    some, every = empty.select(some=pl.any_horizontal(names), every=pl.all_horizontal(names)).get_columns()
    if (some & ~every).any():
        row = int(np.argmax((some & ~every).to_numpy()))
        missing = next(name for name in names if empty[name][row])
        raise InputError(f"{path}: {_place(row)}: {missing} is empty, a number or an empty box as a whole is right")
    return ~every


def _positions(path: str | Path, table: pl.DataFrame, known: dict[str, Sequence | np.ndarray]) -> np.ndarray:
    """(rows,) int64, where each row's value stands among the known ones, by whichever columns there are.

    Raises:
        InputError: for a value that is unknown, and for two columns that say different things.
    """
    found: dict[str, np.ndarray] = {}
    for name, values in known.items():
        if name not in table.columns:
            continue
        keys = pl.DataFrame({name: pl.Series(values, dtype=table[name].dtype), "position": np.arange(len(values))})
        position = table.select(name).join(keys, on=name, how="left", maintain_order="left")["position"]
        if position.null_count():
            row = int(np.argmax(position.is_null().to_numpy()))
            raise InputError(
                f"{path}: {_place(table['row'][row])}: {name} {table[name][row]!r} is none of the annotation file's"
            )
        found[name] = position.to_numpy()
    (name, positions), *others = found.items()
    for other, also in others:
        if not np.array_equal(positions, also):
            row = int(np.argmax(positions != also))
            said = " and ".join(f"{column} {table[column][row]!r}" for column in (name, other))
            raise InputError(f"{path}: {_place(table['row'][row])}: {said} contradict each other")
    return positions


def write_parquet(predictions: Predictions, path: Path) -> None:
    """Write a table of `image_id`, `file_name`, `label`, `category_id`, `score`, `x1`, `y1`, `x2`, `y2`.

    An image without detections has one row with nulls, so that none is lost.
    """
    images = predictions.images
    detections = pl.DataFrame(
        {
            "image": predictions.image_index,
            "label": predictions.labels,
            "category_id": images.category_ids[predictions.labels],
            "score": predictions.scores,
            **{name: predictions.bboxes[:, i] for i, name in enumerate(NUMBERS[1:])},
        }
    )
    names = pl.DataFrame(
        {"image": np.arange(len(images)), "image_id": images.ids, "file_name": images.file_names},
        schema_overrides={"file_name": pl.String},
    )
    # Written by Python, not by polars, whose errors about a full disk are no OSError.
    content = io.BytesIO()
    names.join(detections, on="image", how="left", maintain_order="left").drop("image").write_parquet(content)
    with atomic_write(path, "wb") as file:
        file.write(content.getvalue())
