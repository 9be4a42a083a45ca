"""A dataset looked at from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmdet_trash.datasets.fold_files import write_folds
from mmdet_trash.datasets.folds import stratified_folds
from tests.builders import ROOT, coco, write_jpeg, write_json


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """A folder of three images, two folds of them and another annotation file, worked in."""
    monkeypatch.chdir(tmp_path)
    content = coco(images=3, boxes=[(0, 0, [0, 0, 3, 3]), (1, 1, [5, 5, 50, 40]), (2, 0, [5, 5, 50, 40])])
    write_json(tmp_path / "train.json", content)
    write_json(tmp_path / "test.json", {**coco(), "annotations": []})
    write_folds(content, stratified_folds(content, np.arange(3), 3), tmp_path / "folds")
    for image in range(3):
        write_jpeg(tmp_path / "train" / f"{image:04}.jpg")
    return tmp_path


def test_the_page_and_its_numbers_are_written(tool, data):
    options = ["--images", ".", "--folds-dir", "folds", "--against", "test.json"]
    result = tool("eda", "--ann", "train.json", *options, "--out", "out/eda.html")
    assert (result.code, result.err) == (0, "")
    numbers = json.loads((data / "out" / "eda.json").read_text())
    tables = {path.stem for path in (data / "out" / "eda_csv").iterdir()}
    assert tables == numbers["tables"].keys() >= {"datasets", "class_boxes", "fold_boxes", "suspects"}
    assert result.out.splitlines() == [
        "test.json: has no boxes; only its images are counted.",
        f"out/eda.html: {len(tables)} figures; numbers in out/eda.json and out/eda_csv/",
    ]
    page = (data / "out" / "eda.html").read_text()
    assert page.startswith("<!doctype html>") and page.count("data:image/jpeg;base64,") == 1


def test_in_korean_the_page_and_the_notes_are_and_the_numbers_are_the_same(tool, data):
    assert tool("eda", "--ann", "train.json").code == 0
    result = tool("eda", "--ann", "train.json", "--lang", "ko", "--out", "ko.html")
    assert result.code == 0 and "--images" in result.out.splitlines()[0] and "folder" not in result.out
    assert (
        '<html lang="ko">' in (data / "ko.html").read_text() and '<html lang="en">' in (data / "eda.html").read_text()
    )
    assert (data / "ko.json").read_bytes() == (data / "eda.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ann", "none.json"], "none.json: no such file"),
        (["--ann", "broken.json"], "broken.json: not whole JSON"),
        (["--ann", "."], ".: is a folder, a JSON file is expected"),
        (["--ann", "/"], "/: is a folder, a JSON file is expected"),
        (["--ann", "train.json", "--against", "."], ".: is a folder, a JSON file is expected"),
        (["--ann", "train.json", "--images", "none"], "none: no such folder, that of the images is right"),
        (["--ann", "train.json", "--images", "train.json"], "train.json: no such folder, that of the images is right"),
        (["--ann", "train.json", "--against", "none.json"], "none.json: no such file"),
        (["--ann", "train.json", "--against", "./train.json"], "--against train.json: is the dataset itself"),
        (["--ann", "train.json", "--folds-dir", "train"], "train: has no val_fold0.json; tools/kfold.py writes it"),
        (["--ann", "test.json", "--folds-dir", "folds"], "is none of the annotation file's; folds of it are right"),
        (["--ann", "train.json", "--out", "train.html"], "train.html: its numbers go to train.json, which is an input"),
        (["--ann", "train.json", "--out", "train.json"], "train.json: a page is written there, NAME.html is right"),
        (
            ["--ann", "train.json", "--against", "test.json", "--out", "test.html"],
            "test.html: its numbers go to test.json, which is an input; another name is right",
        ),
        (["--ann", "data.html", "--out", "data.html"], "data.html: is the input data.html, a new file is right"),
        (["--ann", "train.json", "--out", "data.txt"], "data.txt: a page is written there, NAME.html is right"),
        (["--ann", "train.json", "--out", "."], ".: a page is written there, NAME.html is right"),
        (["--ann", "train.json", "--out", "a.html"], "a.html: its tables go to a_csv/, where a file is"),
        (["--ann", "train.json", "--out", "train/0000.jpg/eda.html"], "eda.html: cannot write here: "),
    ],
)
def test_a_mistake_is_one_line_and_no_file_is_changed(tool, data, arguments, message):
    (data / "broken.json").write_text('{"images": [')
    for name in ("data.html", "data.txt", "a_csv"):
        (data / name).write_bytes((data / "train.json").read_bytes())
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    result = tool("eda", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith("error: ") and message in result.err
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_what_the_command_line_lacks_is_told(tool, data):
    for arguments, message in ((["--lang", "xx"], "argument --lang: invalid choice: 'xx'"), ([], "required: --ann")):
        result = tool("eda", *arguments)
        assert result.code == 2 and message in result.err.splitlines()[-1]


def test_help_loads_nothing_that_draws():
    command = [sys.executable, "-X", "importtime", ROOT / "tools" / "eda.py", "--help"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "example: python tools/eda.py --ann" in " ".join(result.stdout.split())
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert not loaded & {"torch", "mmdet", "mmengine", "numba", "hotcoco", "plotly"}
