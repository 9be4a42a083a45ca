from pathlib import Path

import polars as pl
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.predictions.by_name import read_by_name

HEADER = "PredictionString,image_id\n"
BOX = {"category_id": [90], "score": [0.5], "x1": [1.0], "y1": [2.0], "x2": [3000.0], "y2": [4.0]}


def submission(tmp_path: Path, text: str) -> Path:
    (tmp_path / "a.csv").write_text(HEADER + text)
    return tmp_path / "a.csv"


def test_images_and_classes_are_those_that_any_file_names(tmp_path: Path) -> None:
    path = submission(tmp_path, "7 0.5 1 2 3000 4,x/b.jpg\n,c.jpg\n")
    # Labels and image ids depend on the annotation file that a table was written for, and are left out.
    table = pl.DataFrame({"file_name": ["x/a.jpg"], "image_id": [70], "label": [2], **BOX})
    table.write_parquet(tmp_path / "b.parquet")
    first, second = read_by_name(path, tmp_path / "b.parquet")
    assert first.predictions.images is second.predictions.images
    images = first.predictions.images
    assert images.file_names == ("x/b.jpg", "c.jpg", "x/a.jpg")
    assert (images.category_ids.tolist(), images.classes) == ([7, 90], ("category 7", "category 90"))
    assert (first.predictions.image_index.tolist(), first.predictions.labels.tolist()) == ([0], [0])
    assert (second.predictions.image_index.tolist(), second.predictions.labels.tolist()) == ([2], [1])
    assert first.notes == ("images without a row: 1 of 3, first 'x/a.jpg'",), "no size is known to reach beyond"


def test_a_tables_names_are_whole_and_a_csvs_may_lack_their_folder(tmp_path: Path) -> None:
    pl.DataFrame({"file_name": ["a.jpg"], **BOX}).write_parquet(tmp_path / "b.parquet")
    found = read_by_name(submission(tmp_path, ",x/a.jpg\n"), tmp_path / "b.parquet")
    assert found[1].predictions.images.file_names == ("x/a.jpg", "a.jpg")
    pl.DataFrame({"file_name": ["x/a.jpg"], **BOX}).write_parquet(tmp_path / "b.parquet")
    found = read_by_name(submission(tmp_path, ",a.jpg\n"), tmp_path / "b.parquet")
    assert found[0].predictions.images.file_names == ("x/a.jpg",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.5 0.5 0 0 1 1,a.jpg\n", "line 2: label 1.5 is no whole number"),
        (",a.jpg\n1 0.5 0 0 1 1\n", "line 3: has no image_id"),
        (",a.jpg\n,a.jpg\n", "line 3: image_id 'a.jpg' stands more than once"),
    ],
)
def test_what_names_no_image_or_class_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = submission(tmp_path, text)
    with pytest.raises(InputError) as error:
        read_by_name(path)
    assert str(error.value) == f"{path}: {message}"


def test_a_table_without_names_or_category_ids_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"image_id": [7], **BOX}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b.parquet: has no column file_name; file_name, category_id, score, x1, y1"):
        read_by_name(tmp_path / "b.parquet")
