import hashlib
import json

import pytest

from mmdet_trash.predictions import ImageTable, write_predictions
from tests.builders import coco, predictions, write_json

CONTENT = {**coco(images=3, boxes=[], categories=(0, 1), folder="test/"), "licenses": [{"id": 4}]}
IMAGES = ImageTable.from_coco(CONTENT)
ROWS = [(0, 0, 0.75, 1, 2, 30.5, 40), (0, 1, 0.3, 5, 5, 20, 20), (2, 1, 0.22, 0, 0, 50, 80), (2, 1, 0.9, 9, 9, 9.5, 60)]


@pytest.fixture
def files(tmp_path):
    """Predictions, the annotation file of their images, and where to write."""
    write_predictions(predictions(IMAGES, ROWS), tmp_path / "test.csv")
    return tmp_path / "test.csv", write_json(tmp_path / "test.json", CONTENT), tmp_path / "out" / "pseudo_fold2.json"


def test_the_file_holds_the_labels_and_says_where_they_come_from(tool, files):
    path, ann, out = files
    result = tool("pseudo_label", path, "--ann", ann, "--fold", 2, "--out", out)
    assert (result.code, result.err) == (0, "")
    made = json.loads(out.read_text())
    assert made["info"]["pseudo_labels"] == {
        "fold": 2,
        "score_thr": [0.25],
        "doubt_thr": None,
        "max_doubtful": None,
        "predictions": {"file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
    }
    assert made["images"] == CONTENT["images"][:1]
    assert [(a["image_id"], a["category_id"], a["score"]) for a in made["annotations"]] == [(0, 0, 0.75), (0, 1, 0.3)]
    assert made["licenses"] == [{"id": 4}]


def test_the_table_counts_boxes_and_labels_of_each_class(tool, files):
    path, ann, out = files
    result = tool("pseudo_label", path, "--ann", ann, "--out", out)
    cells = [line.replace("│", " ").split() for line in result.out.splitlines() if "│" in line]
    assert cells == [["class", "0", "1", "1"], ["class", "1", "3", "1"], ["all", "4", "2"]]
    assert result.out.splitlines()[-1] == f"{out}: 1 of 3 images accepted; boxes under a pixel dropped: 1"


def test_thresholds_a_class_and_doubt(tool, files):
    path, ann, out = files
    args = (path, "--ann", ann, "--out", out, "--score-thr", 0.5, 0.2, "--doubt-thr", 0.1, "--max-doubtful", 0)
    assert tool("pseudo_label", *args).code == 0
    made = json.loads(out.read_text())
    assert [a["score"] for a in made["annotations"]] == [0.75, 0.3, 0.22]
    said = made["info"]["pseudo_labels"]
    assert (said["fold"], said["score_thr"], said["doubt_thr"], said["max_doubtful"]) == (None, [0.5, 0.2], 0.1, 0)
    assert tool("pseudo_label", path, "--ann", ann, "--out", out, "--score-thr", 0.5, "--max-doubtful", 0).code == 2


def test_the_same_input_gives_the_same_bytes_from_any_format(tool, files, tmp_path):
    _, ann, out = files
    written = []
    for ending in ("csv", "csv", "json", "parquet"):
        path = tmp_path / f"predictions.{ending}"
        write_predictions(predictions(IMAGES, ROWS), path)
        assert tool("pseudo_label", path, "--ann", ann, "--out", out).code == 0
        written.append(out.read_bytes())
    assert written[0] == written[1]
    contents = [json.loads(content) for content in written]
    for content in contents:
        content["info"]["pseudo_labels"].pop("predictions")
    assert contents[0] == contents[2] == contents[3]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--score-thr", 0.95), "no image is accepted: no box reaches score_thr, the highest score is 0.75"),
        (("--score-thr", 1.5), "score_thr: 1.5 is no score, 0 to 1 is right"),
        (("--score-thr", 0.1, 0.2, 0.3), "score_thr: has 3 numbers, 1 or 2, one a class, is right"),
        (("--fold", -1), "--fold -1: 0 or more is right"),
    ],
)
def test_a_wrong_argument_is_one_line_and_leaves_the_old_file(tool, files, args, message):
    path, ann, out = files
    write_json(out, "old")
    result = tool("pseudo_label", path, "--ann", ann, "--out", out, *args)
    assert (result.code, result.out, result.err) == (2, "", f"error: {message}\n")
    assert out.read_text() == '"old"'


def test_a_labelled_file_or_another_ending_or_an_input_as_output_is_one_line(tool, files, tmp_path):
    path, ann, out = files
    labelled = write_json(tmp_path / "train.json", coco(folder="test/"))
    result = tool("pseudo_label", path, "--ann", labelled, "--out", out)
    assert result.err == f"error: {labelled}: is already labelled, with 2 boxes; a test set is right\n"
    assert "unknown ending for predictions" in tool("pseudo_label", "a.txt", "--ann", ann, "--out", out).err
    before = ann.read_bytes()
    result = tool("pseudo_label", path, "--ann", ann, "--out", tmp_path / "out" / ".." / "test.json")
    assert result.err == f"error: {tmp_path}/out/../test.json: is the input {ann}, a new file is right\n"
    assert (ann.read_bytes(), out.exists()) == (before, False)
