"""Predictions and trainings looked at from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mmdet_trash.predictions import write_predictions
from tests.builders import ROOT, coco, write_jpeg, write_json
from tests.reports.cases import ROWS, TRUTH, found


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """A ground truth, predictions in several files and formats, a training's log; worked in."""
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "gt.json", TRUTH)
    write_predictions(found(), tmp_path / "ours.csv")
    write_predictions(found(ROWS[:3]), tmp_path / "theirs.parquet")
    header, *lines = (tmp_path / "ours.csv").read_text().splitlines(keepends=True)
    for name, some in (("fold0", lines[:2]), ("fold1", lines[2:])):
        (tmp_path / f"{name}.csv").write_text(header + "".join(some))
    log = tmp_path / "run" / "20260101_000000" / "vis_data" / "scalars.json"
    training = [{"loss": 3.5, "epoch": 1, "iter": 10, "step": 10}, {"mAP50": 0.25, "step": 1}]
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"{json.dumps(line)}\n" for line in training))
    for image in range(4):
        write_jpeg(tmp_path / "train" / f"{image:04}.jpg")
    return tmp_path


def numbers(path: Path) -> dict:
    return json.loads(path.read_text())


def test_files_are_models_side_by_side_with_pictures_and_trainings(tool, data):
    options = ["--gt", "gt.json", "--images", ".", "--worst", 1, "--logs", "run", "--out", "out/r.html"]
    result = tool("analyze", "ours.csv", "theirs.parquet", *options)
    assert (result.code, result.err) == (0, "")
    content = numbers(data / "out" / "r.json")
    assert content["about"] == ["ours.csv", "theirs.parquet", "gt.json", "run"]
    assert content["facts"].keys() == {"mAP50 · ours", "mAP50 · theirs"}
    assert {path.stem for path in (data / "out" / "r_csv").iterdir()} == content["tables"].keys()
    assert content["tables"]["val_map50"]["rows"] == [["run", "run", 1, 0.25]]
    page = (data / "out" / "r.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2, "the worst of each model"
    assert result.out.splitlines()[-1] == (
        f"out/r.html: {len(content['tables'])} figures; numbers in out/r.json and out/r_csv/"
    )
    assert "gt.json: has no box of class 2" in result.out


def test_a_model_of_several_files_is_what_one_file_of_it_gives(tool, data):
    assert tool("analyze", "ours.csv", "--gt", "gt.json", "--out", "one.html").code == 0
    result = tool("analyze", "--model", "joined", "fold1.csv", "fold0.csv", "--gt", "gt.json", "--out", "two.html")
    assert result.code == 0, result.err
    one, two = (numbers(data / f"{name}.json") for name in ("one", "two"))
    for content in (one, two):
        del content["about"], content["tables"]["reliability"]  # which name the model
    assert two == one
    both = ["theirs.parquet", "--model", "joined", "fold0.csv", "fold1.csv", "--model", "first", "fold0.csv"]
    assert tool("analyze", *both, "--gt", "gt.json", "--predicted-only", "--out", "all.html").code == 0
    names = [row[0] for row in numbers(data / "all.json")["tables"]["figures"]["rows"]]
    assert list(dict.fromkeys(names)) == ["theirs", "joined", "first"]


def test_trainings_alone_need_no_ground_truth(tool, data):
    result = tool("analyze", "--logs", "run")
    assert (result.code, result.err) == (0, "")
    assert result.out == "report.html: 2 figures; numbers in report.json and report_csv/\n"
    assert numbers(data / "report.json")["tables"]["loss"]["rows"] == [["run", 1, 3.5]]


def test_in_korean_the_page_is_and_the_numbers_are_the_same(tool, data):
    for language in ("en", "ko"):
        result = tool("analyze", "ours.csv", "--gt", "gt.json", "--lang", language, "--out", f"{language}.html")
        assert result.code == 0, result.err
    assert '<html lang="ko">' in (data / "ko.html").read_text()
    assert (data / "ko.json").read_bytes() == (data / "en.json").read_bytes()


GT = ["--gt", "gt.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ours.csv", "--gt", "none.json"], "none.json: no such file"),
        (["ours.csv", "--gt", "ours.csv"], "ours.csv: not whole JSON"),
        (["ours.csv", "--gt", "empty.json"], "empty.json: the predicted images have no boxes"),
        (["none.csv", *GT], "none.csv: no such file"),
        ([".", *GT], ".: unknown ending for predictions, one of .csv, .json, .pkl, .parquet is right"),
        (["/", *GT], "/: unknown ending for predictions, one of .csv, .json, .pkl, .parquet is right"),
        (["negative.csv", *GT], "negative.csv: a score is -0.9, 0 or more is right"),
        (["ours.csv", *GT, "--images", "none"], "none: no such folder, that of the images is right"),
        (["gt.txt", *GT], "gt.txt: unknown ending for predictions, one of .csv, .json, .pkl, .parquet is right"),
        (["broken.csv", *GT], "broken.csv: line 2: 'high' is not a finite number"),
        (["a.pkl", *GT], "a.pkl: a pickle can execute anything when it is read; --trust-pickle reads it"),
        (["--model", "a", "fold0.csv", "ours.csv", *GT], "ours.csv: lists 'train/0000.jpg', which another file"),
        (["--model", "a", "fold0.csv", "--model", "a", "fold1.csv", *GT], "a: names two models or trainings"),
        (["ours.csv", "--model", "ours", "fold1.csv", *GT], "ours: names two models or trainings"),
        (["ours.csv", "ours.csv", *GT], "ours: names two models or trainings; --model NAME FILE gives"),
        (["ours.csv", "ours.json", *GT], "ours: names two models or trainings"),
        (["--model", "run", "ours.csv", *GT, "--logs", "run"], "run: names two models or trainings"),
        (["--logs", "train"], "train: holds no log of a training"),
        (["--logs", "none"], "none: no such folder, a run's work dir is right"),
        (["ours.csv", *GT, "--out", "gt.html"], "gt.html: its numbers go to gt.json, which is an input"),
        (["ours.csv", *GT, "--out", "ours.csv"], "ours.csv: a page is written there, NAME.html is right"),
        (["gt.htm", *GT, "--out", "gt.htm"], "gt.htm: is the input gt.htm, a new file is right"),
        (
            ["--model", "a", "ours.json", *GT, "--out", "ours.html"],
            "ours.html: its numbers go to ours.json, which is an input; another name is right",
        ),
        (["ours.csv", *GT, "--out", "x.json"], "x.json: a page is written there, NAME.html is right"),
        (["ours.csv", *GT, "--out", "train"], "train: a page is written there, NAME.html is right"),
        (["ours.csv", *GT, "--out", "a.html"], "a.html: its tables go to a_csv/, where a file is"),
        (["ours.csv", *GT, "--out", "empty.html"], "empty.html: its numbers go to empty.json, which is no report's"),
        (["ours.csv", *GT, "--out", "gt.json/x.html"], "gt.json/x.html: cannot write here: "),
    ],
)
def test_a_mistake_is_one_line_and_no_file_is_changed(tool, data, arguments, message):
    write_json(data / "empty.json", coco(images=4, boxes=[], categories=(0, 1, 2)))
    write_predictions(found(), data / "ours.json")
    (data / "broken.csv").write_text((data / "ours.csv").read_text().replace("0.9", "high"))
    (data / "negative.csv").write_text((data / "ours.csv").read_text().replace("0.9", "-0.9"))
    for name in ("gt.txt", "gt.htm", "a_csv"):
        (data / name).write_text("")
    (data / "a.pkl").write_bytes(b"")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    result = tool("analyze", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith("error: ") and message in result.err
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to look at: FILE or --logs DIR is needed"),
        (["ours.csv"], "--gt is needed: the annotation file that says what is right"),
        (["--model", "a", *GT], "--model a: a name and at least one file are needed"),
        (["--model", "", *GT], "--model : a name and at least one file are needed"),
        (["ours.csv", "--model", "", "fold0.csv", *GT], "--model  fold0.csv: a name and at least one file are needed"),
        *(
            (["--logs", "run", *option], "--gt, --images and --predicted-only are about predictions: FILE is needed")
            for option in (GT, ["--images", "."], ["--predicted-only"])
        ),
        (["ours.csv", *GT, "--worst", 0], "argument --worst: '0': a whole number of 1 or more is right"),
        (["ours.csv", *GT, "--lang", "xx"], "argument --lang: invalid choice: 'xx'"),
    ],
)
def test_what_the_command_line_lacks_is_told(tool, data, arguments, message):
    result = tool("analyze", *arguments)
    assert result.code == 2 and message in result.err.splitlines()[-1]


def test_help_loads_nothing_that_compiles():
    command = [sys.executable, "-X", "importtime", ROOT / "tools" / "analyze.py", "--help"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "example: python tools/analyze.py oof.parquet --gt" in " ".join(result.stdout.split())
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert not loaded & {"torch", "mmdet", "mmengine", "numba", "hotcoco", "plotly"}
