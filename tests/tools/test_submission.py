import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmdet_trash.predictions import ImageTable, read_predictions, write_predictions
from tests.builders import ROOT, coco, predictions, write_json

FIRST, SECOND, THIRD = "3 0.5 1 2 30.5 40", "0 0.75 1 1 2 2 9 0.25 0 0 100 80", "9 0.25 0 0 100 80 0 0.75 1 1 2 2"
HEADER = "PredictionString,image_id\n"
CONTENT = coco(images=3, boxes=[], categories=range(10), folder="test/")
IMAGES = ImageTable.from_coco(CONTENT)
ALL = f"{HEADER}{FIRST},test/0000.jpg\n,test/0001.jpg\n{SECOND},test/0002.jpg\n"


@pytest.fixture
def ann(tmp_path: Path) -> Path:
    return write_json(tmp_path / "test.json", CONTENT)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_a_clean_file_passes_with_one_line(tool, tmp_path, ann):
    path = write(tmp_path / "a.csv", ALL)
    result = tool("submission", "check", path, "--ann", ann)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{path}: 3 boxes, 3 images, 1 without a box\n"


def test_each_flaw_is_a_line_and_the_last_counts_them(tool, tmp_path, ann):
    text = ALL.replace("\n", "\r\n").replace("test/", "").replace("0.75", "1.75")
    path = write(tmp_path / "a.csv", text)
    result = tool("submission", "check", path, "--ann", ann)
    assert result.code == 2
    assert result.out.splitlines() == [
        f"{path}: 3 boxes, 3 images, 1 without a box",
        "  lines that end in CRLF: 4, first line 1",
        "  image_ids without their folder: 3, first line 2 ('0000.jpg' for 'test/0000.jpg')",
        "  scores outside 0 to 1: 1, first line 4 (1.75)",
    ]
    assert result.err == f"error: {path}: 3 flaws, each named above\n"
    write(path, ALL.replace("0.75", "1.75"))
    assert tool("submission", "check", path, "--ann", ann).err == f"error: {path}: 1 flaw, each named above\n"


def test_a_file_that_cannot_be_read_is_one_line(tool, tmp_path, ann):
    path = write(tmp_path / "a.csv", ALL.replace("0.5", "high"))
    result = tool("submission", "check", path, "--ann", ann)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: {path}: line 2: 'high' is not a finite number\n"
    result = tool("submission", "check", tmp_path / "a.xlsx", "--ann", ann)
    assert result.err == (
        f"error: {tmp_path}/a.xlsx: unknown ending for predictions, one of .csv, .json, .pkl, .parquet is right\n"
    )


def test_converting_by_endings_keeps_every_box_and_says_what_was_wrong(tool, tmp_path, ann):
    path = write(tmp_path / "a.csv", ALL.replace("\n,test/0001.jpg", "\nnan,test/0001.jpg"))
    result = tool("submission", "convert", path, tmp_path / "b.parquet", "--ann", ann)
    assert (result.code, result.out) == (0, f"{tmp_path}/b.parquet: 3 boxes, 3 images, 1 without a box\n")
    assert result.err == f"warning: {path}: empty fields written as 'nan': 1, first line 3\n"
    for source, target in (("b.parquet", "c.json"), ("c.json", "d.csv")):
        result = tool("submission", "convert", tmp_path / source, tmp_path / target, "--ann", ann)
        assert (result.code, result.err) == (0, "")
    assert (tmp_path / "d.csv").read_text() == (
        f"{HEADER}3 0.5 1.0 2.0 30.5 40.0,test/0000.jpg\n,test/0001.jpg\n"
        "0 0.75 1.0 1.0 2.0 2.0 9 0.25 0.0 0.0 100.0 80.0,test/0002.jpg\n"
    )


def test_a_wrong_input_or_ending_leaves_the_old_output(tool, tmp_path, ann):
    out = write(tmp_path / "out.csv", "old")
    broken = write(tmp_path / "a.csv", ALL.replace("0.5", ""))
    assert tool("submission", "convert", broken, out, "--ann", ann).code == 2
    assert out.read_text() == "old"
    result = tool("submission", "convert", write(broken, ALL), tmp_path / "b.txt", "--ann", ann)
    assert (result.code, (tmp_path / "b.txt").exists()) == (2, False)
    assert result.err.startswith(f"error: {tmp_path}/b.txt: unknown ending for predictions, one of .csv, ")


@pytest.mark.slow
def test_a_pickle_is_read_when_it_is_trusted(tool, tmp_path, ann):
    path = tmp_path / "a.pkl"
    write_predictions(predictions(IMAGES, [(0, 3, 0.5, 1, 2, 30.5, 40)]), path)
    result = tool("submission", "check", path, "--ann", ann)
    assert result.code == 2
    assert result.err == (
        f"error: {path}: a pickle can execute anything when it is read; --trust-pickle reads it all the same\n"
    )
    assert tool("submission", "check", path, "--ann", ann, "--trust-pickle").code == 0
    assert tool("submission", "convert", path, tmp_path / "b.csv", "--ann", ann, "--trust-pickle").code == 0
    assert len(read_predictions(tmp_path / "b.csv", IMAGES)) == 1
    result = tool("submission", "diff", path, tmp_path / "b.csv", "--ann", ann, "--trust-pickle")
    assert (result.code, result.out) == (0, "same predictions\n")


def test_the_same_boxes_are_the_same_whatever_the_format_and_the_order(tool, tmp_path, ann):
    first = write(tmp_path / "a.csv", ALL)
    second = write(tmp_path / "b.csv", ALL.replace(SECOND, THIRD))
    assert tool("submission", "diff", first, first).out == "same predictions\n"
    result = tool("submission", "diff", first, second)
    assert (result.code, result.out) == (0, "same predictions, in another order in 1 of 3 images\n")
    for target in ("c.json", "c.parquet"):
        assert tool("submission", "convert", first, tmp_path / target, "--ann", ann).code == 0
        result = tool("submission", "diff", first, tmp_path / target, "--ann", ann)
        assert (result.code, result.out, result.err) == (0, "same predictions\n", "")
    result = tool("submission", "diff", first, tmp_path / "c.parquet")
    assert (result.code, result.out, result.err) == (0, "same predictions\n", "")


def test_a_difference_is_a_table_of_classes_and_names_the_images(tool, tmp_path, ann, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    first = write(tmp_path / "a.csv", ALL)
    second = write(tmp_path / "b.csv", ALL.replace("0.75", "0.5").replace(f"{FIRST},", f"{FIRST} 3 0.1 1 1 9 9,"))
    result = tool("submission", "diff", first, second, "--ann", ann)
    assert result.code == 1
    rows = [line.replace("│", " ").split() for line in result.out.splitlines() if "class" in line or "all" in line]
    assert ["class", "0", "1", "1", "0"] in rows
    assert ["class", "3", "1", "2", "1"] in rows
    assert ["class", "9", "1", "1", "1"] in rows
    assert ["all", "3", "4", "2"] in rows
    assert result.out.splitlines()[-2:] == [
        "2 of 3 images differ: test/0000.jpg, test/0002.jpg",
        "1 box has the same class and corners and another score, by 0.25 at most",
    ]


def test_only_the_first_few_images_are_named(tool, tmp_path):
    names = [f"{i}.jpg" for i in range(9)]
    first = write(tmp_path / "a.csv", HEADER + "".join(f"1 0.5 0 0 1 1,{name}\n" for name in names))
    second = write(tmp_path / "b.csv", HEADER + "".join(f",{name}\n" for name in names))
    lines = tool("submission", "diff", first, second).out.splitlines()
    assert "9 of 9 images differ: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, …" in lines


def test_without_an_annotation_file_the_images_are_those_that_either_names(tool, tmp_path):
    first = write(tmp_path / "a.csv", f"{HEADER}{FIRST},test/0000.jpg\n{SECOND},test/0002.jpg\n")
    second = write(tmp_path / "b.csv", f"{HEADER}{FIRST},0000.jpg\n1 0.5 0 0 1 1,test/7.jpg\n")
    result = tool("submission", "diff", first, second)
    assert result.code == 1
    assert "2 of 3 images differ: test/0002.jpg, test/7.jpg" in result.out.splitlines()
    assert result.err.splitlines() == [
        f"warning: {first}: images without a row: 1 of 3, first 'test/7.jpg'",
        f"warning: {second}: image_ids without their folder: 1, first line 2 ('0000.jpg' for 'test/0000.jpg')",
        f"warning: {second}: images without a row: 1 of 3, first 'test/0002.jpg'",
    ]


@pytest.mark.parametrize("name", ["b.json", "b.pkl"])
def test_a_format_that_names_no_images_asks_for_the_annotation_file(tool, tmp_path, name):
    first, second = write(tmp_path / "a.csv", ALL), write(tmp_path / name, "[]")
    result = tool("submission", "diff", first, second)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: {second}: does not name its images; --ann names the annotation file that does\n"


def test_help_is_quick_and_loads_neither_torch_nor_mmdetection():
    command = [sys.executable, "-X", "importtime", ROOT / "tools" / "submission.py", "--help"]
    start = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True)
    assert time.perf_counter() - start < 5, "half a second on a machine at rest"
    assert "example: python tools/submission.py check submission.csv --ann data/trash/test.json" in " ".join(
        result.stdout.split()
    )
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert not loaded & {"torch", "mmdet", "mmengine", "mmcv", "pandas", "pyarrow"}
