import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import Predictions, read, write_predictions
from tests.builders import SCALARS, predictions, table

IMAGES = table(("test/0000.jpg", "test/0001.jpg", "test/0002.jpg"), categories=(1, 5, 90))
ROWS = [(2, 2, 0.25, 1.5, 2, 30.25, 40), (0, 1, 0.875, 10, 20, 30, 40), (2, 0, 0.5, 0, 0, 100, 80)]
WRITTEN = predictions(IMAGES, ROWS)


def written(tmp_path: Path) -> pl.DataFrame:
    """The table of three images: a box, none, two boxes."""
    write_predictions(WRITTEN, tmp_path / "written.parquet")
    return pl.read_parquet(tmp_path / "written.parquet")


def read_table(tmp_path: Path, content: pl.DataFrame) -> Predictions:
    content.write_parquet(tmp_path / "a.parquet")
    return read(tmp_path / "a.parquet", IMAGES).predictions


def same(first: Predictions, second: Predictions) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("image_index", "labels", "scores", "bboxes")
    )


@pytest.mark.parametrize(
    "drop", [(), ("image_id",), ("file_name",), ("label",), ("category_id",), ("image_id", "label")]
)
def test_one_column_for_the_image_and_one_for_the_class_suffice(tmp_path: Path, drop: tuple[str, ...]) -> None:
    assert same(read_table(tmp_path, written(tmp_path).drop(drop)), WRITTEN)


def test_columns_of_other_kinds_and_beside_the_wanted_ones_are_read(tmp_path: Path) -> None:
    numbers = ("score", "x1", "y1", "x2", "y2")
    content = written(tmp_path).with_columns(
        pl.col("image_id").cast(pl.Float64),  # as pandas makes of integers with gaps
        pl.col("label").cast(pl.UInt8),
        pl.col("file_name").cast(pl.Categorical),
        pl.col(numbers).cast(pl.Float32),
        row=pl.lit("a column of the user's"),
    )
    assert same(read_table(tmp_path, content), WRITTEN)


def test_an_image_without_boxes_has_a_row_of_nulls(tmp_path: Path) -> None:
    content = written(tmp_path)
    content.write_parquet(tmp_path / "a.parquet")
    reading = read(tmp_path / "a.parquet", IMAGES)
    assert (reading.listed.tolist(), reading.notes) == ([True] * 3, ())
    content.filter(pl.col("score").is_not_null()).write_parquet(tmp_path / "a.parquet")
    reading = read(tmp_path / "a.parquet", IMAGES)
    assert reading.listed.tolist() == [True, False, True]
    assert reading.notes == ("images without a row: 1 of 3, first 'test/0001.jpg'",)
    nothing = pl.DataFrame({name: [None] * 3 if name != "image_id" else [7, 17, 27] for name in content.columns})
    nothing.drop("file_name").write_parquet(tmp_path / "a.parquet")
    reading = read(tmp_path / "a.parquet", IMAGES)
    assert (len(reading.predictions), reading.listed.tolist()) == (0, [True] * 3)


def test_a_box_is_noted_with_its_row(tmp_path: Path) -> None:
    content = written(tmp_path).with_columns(x2=pl.col("x2") + pl.col("x1"))
    content.write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", IMAGES).notes == ()
    content = content.with_columns(x2=pl.col("x2") + 1, score=pl.col("score") * 3)
    content.write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", IMAGES).notes == (
        "boxes that reach outside their image: 1, first row at position 3",
        "scores outside 0 to 1: 2, first row at position 0 (2.625)",
    )


NEEDED = "image_id or file_name, label or category_id, score, x1, y1, x2, y2 are right"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown image": ({"image_id": [7, 17, 28, 27]}, "row at position 2: image_id 28 is none of the annotation file's"),
    "unknown name": (
        {"image_id": None, "file_name": ["test/0000.jpg", "0001.jpg", *["test/0002.jpg"] * 2]},
        "row at position 1: file_name '0001.jpg' is none of the annotation file's",
    ),
    "no image": ({"image_id": [7, 17, None, 27]}, "row at position 2: image_id None is none of the annotation file's"),
    "two images": (
        {"image_id": [7, 17, 27, 17]},
        "row at position 3: image_id 17 and file_name 'test/0002.jpg' contradict each other",
    ),
    "two classes": (
        {"category_id": [5, None, 90, 5]},
        "row at position 3: label 0 and category_id 5 contradict each other",
    ),
    "unknown label": ({"label": [1, None, 3, 0]}, "row at position 2: label 3 is none of the annotation file's"),
    "unknown category": (
        {"label": None, "category_id": [1, None, 2, 1]},
        "row at position 2: category_id 2 is none of the annotation file's",
    ),
    "half a label": ({"label": [1.0, None, 1.5, 0.0]}, "row at position 2: label is 1.5, a whole number is right"),
    "infinity": ({"x1": [1.0, None, 1.0, float("inf")]}, "row at position 3: x1 is inf, a finite number is right"),
    "NaN": ({"score": [0.5, None, float("nan"), 0.5]}, "row at position 2: score is nan, a finite number is right"),
    "half a box": ({"y2": [1.0, None, None, 1.0]}, "row at position 2: y2 is empty, a number or an empty box as a"),
    "words": ({"score": ["a", "b", "c", "d"]}, "column score holds String, numbers are right"),
    "numbers for names": ({"file_name": [1, 2, 3, 4]}, "column file_name holds Int64, text is right"),
    "no score": ({"score": None}, f"has no column score; {NEEDED}"),
    "no image column": ({"image_id": None, "file_name": None}, f"has no column image_id or file_name; {NEEDED}"),
    "no class column": ({"label": None, "category_id": None}, f"has no column label or category_id; {NEEDED}"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_names_the_row_or_the_column(tmp_path: Path, name: str) -> None:
    changes, message = WRONG[name]
    content = written(tmp_path)
    for column, values in changes.items():
        content = content.drop(column) if values is None else content.with_columns(pl.Series(column, values))
    with pytest.raises(InputError) as error:
        read_table(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path / 'a.parquet'}: {message}")
    assert "\n" not in str(error.value)


def test_what_is_no_parquet_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    buffer = io.BytesIO()
    written(tmp_path).write_parquet(buffer)
    whole = buffer.getvalue()
    for content in (b"", b"PAR1", b"image,label\n", whole[:-1], whole[: len(whole) // 2], whole[8:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a.parquet: not a whole Parquet file: ") as error:
            read(path, IMAGES)
        assert "\n" not in str(error.value)


@given(st.data())
def test_any_change_of_a_column_ends_in_predictions_or_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    content = written(folder)
    name = data.draw(st.sampled_from(content.columns))
    kinds = [pl.Int8, pl.UInt64, pl.Float32, pl.Boolean, pl.String, pl.Date, pl.Decimal(20, 2)]
    if data.draw(st.booleans()):
        column = pl.Series(name, data.draw(st.lists(SCALARS, min_size=4, max_size=4)), strict=False)
    else:
        column = pl.Series(name, data.draw(st.lists(st.integers(0, 30) | st.none(), min_size=4, max_size=4)))
        column = column.cast(data.draw(st.sampled_from(kinds)), strict=False)
    try:
        read_table(folder, content.with_columns(column))
    except InputError as error:
        assert str(error).startswith(f"{folder / 'a.parquet'}: ") and "\n" not in str(error)
