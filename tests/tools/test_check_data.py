import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ROOT, coco, edited, write_jpeg, write_json


def check_data(*args: object) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "tools" / "check_data.py", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env={**os.environ, "COLUMNS": "120"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset of two training images of 100x80 pixels and one test image."""
    folder = tmp_path / "data"
    for name in ("train/0000.jpg", "train/0001.jpg", "test/0000.jpg"):
        write_jpeg(folder / name)
    write_json(folder / "train.json", coco())
    write_json(folder / "test.json", coco(images=1, boxes=[], folder="test/"))
    return folder


def contents(folder: Path) -> dict[str, Any]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_sound_dataset_exits_with_0(root: Path) -> None:
    result = check_data("--data-root", root)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "train.json: 2 images, 2 boxes, nothing wrong",
        "test.json: 1 images, 0 boxes, nothing wrong",
    ]


def test_what_stops_training_exits_with_2_and_quirks_do_not(root: Path) -> None:
    write_json(root / "train.json", coco(boxes=[(0, 0, [90, 10, 30, 20])]))
    result = check_data("--data-root", root)
    assert result.returncode == 0
    assert "annotation 0: bbox [90, 10, 30, 20] in an image of 100x80" in result.stdout

    write_json(root / "train.json", coco(size=(99, 80)))
    result = check_data("--data-root", root)
    assert result.returncode == 2
    path = root / "train" / "0000.jpg"
    assert f"  image 0: {path}: is 100x80, the annotations say 99x80\n" in result.stdout
    assert result.stderr == ""


def test_only_as_many_problems_are_listed_as_asked_for(root: Path) -> None:
    write_json(root / "train.json", coco(boxes=[(0, 0, [90, i, 30, 20]) for i in range(7)]))
    lines = check_data("--data-root", root, "--ann", "train.json", "--most", 2).stdout.splitlines()
    assert sum("in an image of" in line for line in lines) == 2
    assert lines[-1] == "  … and 5 more (--most)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps(coco())[:60], "train.json: not whole JSON: "),
        ("", "train.json: not whole JSON: "),
    ],
)
def test_a_damaged_file_is_one_line(root: Path, content: str, message: str) -> None:
    (root / "train.json").write_text(content)
    result = check_data("--data-root", root)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {root}/{message}")
    assert result.stderr.count("\n") == 1


def test_bad_arguments_are_one_line(root: Path) -> None:
    empty = root / "train"
    for args, line in (
        (("--data-root", empty), f"{empty}: has neither train.json nor test.json; --ann names other annotation files"),
        (("--data-root", root, "--ann", "val.json"), f"{root}/val.json: no such file"),
        (
            ("--data-root", root, "--fix", root / "train" / ".."),
            f"--fix {root}/train/..: is the dataset itself; another folder is right",
        ),
        (
            ("--data-root", root, "--fix", root / "train.json" / "x"),
            f"{root}/train.json/x/train.json: cannot write here:",
        ),
    ):
        result = check_data(*args)
        assert result.returncode == 2
        assert result.stderr.startswith(f"error: {line}")
        assert result.stderr.count("\n") == 1


def test_a_repaired_copy_is_sound_and_the_dataset_untouched(root: Path, tmp_path: Path) -> None:
    boxes = [(0, 0, [10, 10, 30, 20]), (0, 0, ["5", "5", "20", "20"]), (1, 1, [-20, 5, 50, 40]), (9, 0, [1, 1, 5, 5])]
    broken = coco(boxes=[(*of, [1, 1, 1, 1]) for *of, _ in boxes])
    for annotation, (*_, bbox) in zip(broken["annotations"], boxes, strict=True):
        annotation["bbox"] = bbox
    write_json(root / "train.json", broken)
    before = contents(root)

    result = check_data("--data-root", root, "--fix", tmp_path / "fixed")
    assert (result.returncode, result.stderr) == (0, "")
    assert (
        f"{tmp_path}/fixed/train.json: written; 1 boxes written as text made numbers, 1 boxes clipped to the image, "
        "1 boxes of unknown or dropped images or classes dropped\n"
    ) in result.stdout
    assert f"{tmp_path}/fixed/test.json: written; nothing to mend\n" in result.stdout
    assert contents(root) == before

    fixed = json.loads((tmp_path / "fixed" / "train.json").read_text())
    assert [a["bbox"] for a in fixed["annotations"]] == [[10, 10, 30, 20], [5, 5, 20, 20], [0, 5, 30, 40]]
    again = check_data("--data-root", tmp_path / "fixed")
    assert again.returncode == 0
    assert "train.json: 2 images, 3 boxes, nothing wrong" in again.stdout


@pytest.mark.parametrize("names", [["a.jpg", "b.jpg"], ["x/a.jpg", "x/y/b.jpg"], ["x/y/a.jpg", "x/b.jpg"]])
def test_a_repaired_copy_finds_its_images_wherever_they_lie(tmp_path: Path, names: list[str]) -> None:
    root, out = tmp_path / "data", tmp_path / "out" / "fixed"
    for name in names:
        write_jpeg(root / name)
    content = edited(lambda c: [i.update(file_name=name) for i, name in zip(c["images"], names, strict=True)])
    write_json(root / "labels" / "all.json", content)
    assert check_data("--data-root", root, "--ann", "labels/all.json", "--fix", out).returncode == 0
    again = check_data("--data-root", out, "--ann", "labels/all.json")
    assert again.stdout == "labels/all.json: 2 images, 2 boxes, nothing wrong\n"


def test_a_bare_file_name_is_linked_through_its_folder(root: Path, tmp_path: Path) -> None:
    write_json(root / "train.json", coco(folder=""))
    assert check_data("--data-root", root, "--fix", tmp_path / "fixed").returncode == 0
    assert check_data("--data-root", tmp_path / "fixed").returncode == 0


def test_an_annotation_file_elsewhere_is_never_written_over(root: Path, tmp_path: Path) -> None:
    mine = write_json(tmp_path / "mine.json", coco(size=(99, 80)))
    before = mine.read_bytes()
    for name in (mine, Path("..") / "mine.json"):
        result = check_data("--data-root", root, "--ann", name, "--fix", tmp_path / "fixed")
        assert result.returncode == 0
        assert mine.read_bytes() == before
        assert json.loads((tmp_path / "fixed" / "mine.json").read_text())["images"][0]["width"] == 100
        (tmp_path / "fixed" / "mine.json").unlink()


def test_another_layout_cannot_be_repaired(root: Path, tmp_path: Path) -> None:
    write_json(root / "train.json", [1, 2])
    result = check_data("--data-root", root, "--fix", tmp_path / "fixed")
    assert result.returncode == 2
    assert result.stderr == (
        f'error: {root}/train.json: cannot be repaired: the file: is not COCO: an object with a list "images" is '
        "expected\n"
    )
    assert not (tmp_path / "fixed").exists()
