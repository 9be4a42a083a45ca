import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.predictions import ImageTable, from_annotations, read_predictions, write_predictions
from tests.builders import coco, predictions, write_json

BOXES = [(i % 4, i % 2, [5 + 3 * i, 10, 30, 20]) for i in range(8)]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A test set of four images and three models' files about it, in three formats."""
    monkeypatch.chdir(tmp_path)
    content = coco(images=4, boxes=BOXES, folder="test/")
    write_json(tmp_path / "test.json", {**content, "annotations": []})
    write_json(tmp_path / "gt.json", content)
    truth = from_annotations(content)
    rng = np.random.default_rng(0)
    for name in ("a.csv", "b.json", "c.parquet"):
        rows = [
            (image, label, np.float32(rng.random()), *(box + rng.normal(0, 2, 4)).astype(np.float32).clip(0, 79))
            for image, label, box in zip(truth.image_index, truth.labels, truth.bboxes, strict=True)
        ]
        write_predictions(predictions(truth.images, rows), tmp_path / name)
    return tmp_path


FILES = ("a.csv", "b.json", "c.parquet")


def test_it_writes_what_fuse_gives(data: Path, tool: Callable) -> None:
    options = ["--iou-thr", 0.6, "--weights", 1, 2, 0.5, "--skip-box-thr", 0.1, "--conf-type", "max"]
    assert tool("ensemble", *FILES, "--ann", "test.json", "--out", "out.csv", *options).code == 0
    images = ImageTable.from_coco(json.loads((data / "test.json").read_text()))
    settings = FusionSettings(iou_thr=0.6, weights=(1.0, 2.0, 0.5), skip_box_thr=0.1, conf_type="max")
    write_predictions(fuse([read_predictions(name, images) for name in FILES], settings), data / "expected.csv")
    assert (data / "out.csv").read_bytes() == (data / "expected.csv").read_bytes()
    assert tool("submission", "check", "out.csv", "--ann", "test.json").code == 0


@pytest.mark.slow
def test_the_reference_backend_writes_the_same_bytes(data: Path, tool: Callable) -> None:
    for backend in ("numba", "reference"):
        options = ("--ann", "test.json", "--out", f"{backend}.csv", "--backend", backend)
        assert tool("ensemble", *FILES, *options).code == 0
    assert (data / "numba.csv").read_bytes() == (data / "reference.csv").read_bytes()


def test_the_manifest_beside_the_file_makes_it_again(data: Path, tool: Callable) -> None:
    options = ["--group", "b.json", "c.parquet", "--one-vote", "--max-per-img", 2, "--weights", 1, 3]
    assert tool("ensemble", "a.csv", *options, "--ann", "test.json", "--out", "out.csv").code == 0
    assert tool("ensemble", "--config", "out.csv.yaml", "--out", "again.csv").code == 0
    assert (data / "out.csv").read_bytes() == (data / "again.csv").read_bytes()
    assert (data / "out.csv.yaml").read_bytes() == (data / "again.csv.yaml").read_bytes()
    assert len(yaml.safe_load((data / "out.csv.yaml").read_text())["inputs"][1]) == 2
    with (data / "a.csv").open("a") as file:
        file.write("\n")
    result = tool("ensemble", "--config", "out.csv.yaml", "--out", "third.csv")
    assert (result.code, result.err) == (
        2,
        "error: a.csv: is not the file that the manifest names, its sha256 is another\n",
    )
    assert not (data / "third.csv").exists()


def test_weights_follow_the_files_and_not_their_names(data: Path, tool: Callable) -> None:
    for out, files, weights in (("1.csv", FILES, (1, 2, 4)), ("2.csv", FILES[::-1], (4, 2, 1))):
        assert tool("ensemble", *files, "--weights", *weights, "--ann", "test.json", "--out", out).code == 0
    first, second = (
        read_predictions(path, from_annotations(json.loads((data / "gt.json").read_text())).images)
        for path in ("1.csv", "2.csv")
    )
    np.testing.assert_array_equal(first.scores, second.scores)


def test_an_empty_prediction_counts_and_every_image_has_its_row(data: Path, tool: Callable) -> None:
    (data / "empty.csv").write_text("PredictionString,image_id\n" + "".join(f",test/{i:04}.jpg\n" for i in range(4)))
    assert tool("ensemble", "a.csv", "empty.csv", "empty.csv", "--ann", "test.json", "--out", "out.csv").code == 0
    with (data / "out.csv").open() as file:
        rows = list(csv.reader(file))
    assert [row[1] for row in rows] == ["image_id", *(f"test/{i:04}.jpg" for i in range(4))]
    images = ImageTable.from_coco(json.loads((data / "test.json").read_text()))
    alone, fused = read_predictions("a.csv", images).sorted_by_score(), read_predictions("out.csv", images)
    np.testing.assert_allclose(fused.scores, alone.scores / 3, rtol=1e-12)


def test_with_ground_truth_each_file_and_the_result_are_scored(data: Path, tool: Callable) -> None:
    result = tool("ensemble", *FILES, "--ann", "test.json", "--gt", "gt.json", "--out", "out.csv")
    assert result.code == 0
    assert "mAP50" in result.out
    assert all(name in result.out for name in (*FILES, "out.csv"))


WRONG: dict[str, tuple[list[object], str]] = {
    "fewer weights": (["--weights", 1, 2], "weights: 2 numbers for 3 models, one for each is right"),
    "a negative weight": (["--weights", 1, 1, -2], "weight 3 is -2.0, a number of 0 or more is right"),
    "all weights zero": (["--weights", 0, 0, 0], "all weights are zero, at least one model must count"),
    "a NaN weight": (["--weights", "nan", 1, 1], "weight 1 is nan, a number of 0 or more is right"),
    "an IoU above 1": (["--iou-thr", 60], "iou_thr is 60.0, a number between 0 and 1 is right"),
    "an IoU for some classes": (["--iou-thr", 0.5, 0.5, 0.5], "iou_thr: 3 numbers for 2 classes, one for each is"),
    "a missing file": (["none.csv"], "none.csv: no such file"),
    "another ending": (["a.txt"], "a.txt: unknown ending for predictions, one of .csv, .json, .pkl, .parquet is right"),
    "a pickle": (["a.pkl"], "a.pkl: "),
    "a config that is none": (["--config", "gt.json"], "gt.json: is no manifest, a mapping with `settings` is right"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_line_and_nothing_is_written(data: Path, tool: Callable, name: str) -> None:
    (data / "a.pkl").write_bytes(b"")
    options, message = WRONG[name]
    extra, options = (options, []) if str(options[0])[:2] != "--" else ([], options)
    result = tool("ensemble", *FILES, *extra, "--ann", "test.json", "--out", "out.csv", *options)
    assert result.code == 2
    assert result.err.startswith(f"error: {message}")
    assert result.err.count("\n") == 1
    assert not list(data.glob("out*"))


FLAWED = {
    "a NaN": ("0 nan 1 1 5 5,test/0000.jpg\n", "line 2: 'nan' is not a finite number"),
    "a label out of range": ("7 0.5 1 1 5 5,test/0000.jpg\n", "line 2: label 7 is no category of the annotation file"),
    "an unknown image": (",train/0000.jpg\n", "line 2: image_id 'train/0000.jpg' is no image of the annotation file"),
    "two rows for one image": (",test/0000.jpg\n,test/0000.jpg\n", "line 3: image_id 'test/0000.jpg' stands more than"),
}


@pytest.mark.parametrize("name", FLAWED)
def test_a_flawed_file_is_named_with_its_line(data: Path, tool: Callable, name: str) -> None:
    rows, message = FLAWED[name]
    (data / "flawed.csv").write_text("PredictionString,image_id\n" + rows)
    result = tool("ensemble", "a.csv", "flawed.csv", "--ann", "test.json", "--out", "out.csv")
    assert (result.code, result.err.startswith(f"error: flawed.csv: {message}")) == (2, True), result.err
    assert not list(data.glob("out*"))


def test_files_of_different_test_sets_are_refused(data: Path, tool: Callable) -> None:
    header = "PredictionString,image_id\n"
    (data / "first.csv").write_text(header + "0 0.5 1 1 5 5,test/0000.jpg\n,test/0001.jpg\n")
    (data / "second.csv").write_text(header + "0 0.5 1 1 5 5,test/0002.jpg\n,test/0003.jpg\n")
    result = tool("ensemble", "first.csv", "second.csv", "--ann", "test.json", "--out", "out.csv")
    assert result.code == 2
    assert "error: second.csv: lists no image that first.csv lists; files of one test set are right" in result.err


def test_no_files_or_no_images_are_refused(data: Path, tool: Callable) -> None:
    assert tool("ensemble", "--ann", "test.json", "--out", "o.csv").err == (
        "error: no files to fuse: name them, or a --config that does\n"
    )
    assert tool("ensemble", "a.csv", "--out", "o.csv").err.startswith("error: --ann is missing: ")


@pytest.mark.slow
def test_tuned_settings_go_from_one_tool_to_the_other(data: Path, tool: Callable) -> None:
    folds = [option for _ in range(2) for option in ("--fold", "gt.json", *FILES)]
    result = tool("tune_ensemble", *folds, "--trials", 14, "--processes", 1, "--out", "tuned.yaml")
    assert (result.code, result.err) == (0, "")
    assert "fused, nested" in result.out
    manifest = yaml.safe_load((data / "tuned.yaml").read_text())
    assert len(manifest["scores"]["nested_map50"]) == 2
    assert [[Path(source["file"]).name for source in fold] for fold in manifest["tuned_on"]] == [
        ["gt.json", *FILES]
    ] * 2
    settings = FusionSettings.from_dict(manifest["settings"])
    assert tool("ensemble", *FILES, "--config", "tuned.yaml", "--ann", "test.json", "--out", "out.csv").code == 0
    images = ImageTable.from_coco(json.loads((data / "test.json").read_text()))
    write_predictions(fuse([read_predictions(name, images) for name in FILES], settings), data / "expected.csv")
    assert (data / "out.csv").read_bytes() == (data / "expected.csv").read_bytes()
    again = tool("tune_ensemble", *folds, "--trials", 14, "--processes", 1, "--out", "again.yaml")
    assert again.code == 0
    assert (data / "tuned.yaml").read_bytes() == (data / "again.yaml").read_bytes()


def test_tuning_needs_two_folds_and_files(data: Path, tool: Callable) -> None:
    one = tool("tune_ensemble", "--fold", "gt.json", *FILES, "--out", "t.yaml")
    assert (one.code, one.err.startswith("error: 1 fold: two or more are needed")) == (2, True)
    none = tool("tune_ensemble", "--fold", "gt.json", "--out", "t.yaml")
    assert none.err == "error: --fold gt.json: has no prediction files, one a model is right\n"
    empty = tool("tune_ensemble", "--fold", "test.json", "a.csv", "--out", "t.yaml")
    assert empty.err == "error: ground truth: the predicted images have no boxes, mAP is undefined\n"
    assert not (data / "t.yaml").exists()


@pytest.mark.slow
def test_the_three_flawed_submissions_fuse_into_a_whole_one(shared: Path, tmp_path: Path, tool: Callable) -> None:
    names = [f"test/{i:04}.jpg" for i in range(4871)]
    images = [{"id": i, "file_name": name, "width": 1024, "height": 1024} for i, name in enumerate(names)]
    ann = write_json(tmp_path / "test.json", {"images": images, "annotations": []})
    flawed = sorted((shared / "data/predictions").glob("test_*.csv"))
    assert len(flawed) == 3
    result = tool("ensemble", *flawed, "--ann", ann, "--out", tmp_path / "out.csv")
    assert result.code == 0
    assert "warning: " in result.err
    checked = tool("submission", "check", tmp_path / "out.csv", "--ann", ann)
    assert (checked.code, checked.err) == (0, "")
