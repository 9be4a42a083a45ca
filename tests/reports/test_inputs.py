"""What an analysis reads: files of models, joined and checked."""

import numpy as np
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import Predictions, read_predictions, write_predictions
from mmdet_trash.reports.inputs import Inputs, read_inputs
from tests.builders import coco, edited, write_json
from tests.reports.cases import EN, IMAGES, ROWS, TRUTH, found

HEADER = "PredictionString,image_id\n"


@pytest.fixture
def folder(tmp_path):
    """The ground truth, and predictions of its images: all of them, and the first two and the others apart."""
    write_json(tmp_path / "gt.json", TRUTH)
    lines = {}
    write_predictions(found(), tmp_path / "all.csv")
    header, *lines = (tmp_path / "all.csv").read_text().splitlines(keepends=True)
    (tmp_path / "first.csv").write_text(header + "".join(lines[:2]))
    (tmp_path / "rest.csv").write_text(header + "".join(lines[2:]))
    return tmp_path


def read(folder, *models: tuple[str, ...], **options) -> Inputs:
    files = [[str(folder / file) for file in files] for files in models]
    return read_inputs(folder / "gt.json", files, EN, **options)


def same(first: Predictions, second: Predictions) -> bool:
    names = ("image_index", "labels", "scores", "bboxes")
    return first.images.same_as(second.images) and all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in names
    )


def test_files_of_a_model_are_joined_whatever_their_order(folder):
    whole, parts, turned = read(folder, ("all.csv",), ("first.csv", "rest.csv"), ("rest.csv", "first.csv")).predictions
    assert same(whole, found()) and same(parts, whole) and same(turned, whole)


def test_files_of_several_formats_are_joined(folder):
    write_predictions(found(ROWS[4:]), folder / "rest.json")
    assert same(read(folder, ("first.csv", "rest.json")).predictions[0], found())


def test_an_image_that_two_files_of_a_model_list_is_named(folder):
    with pytest.raises(InputError, match=r"all.csv: lists 'train/0002.jpg', which another file of its model lists"):
        read(folder, ("rest.csv", "all.csv"))
    with pytest.raises(InputError, match=r"all.csv: lists 'train/0000.jpg'"):
        read(folder, ("all.csv", "all.csv"))
    with pytest.raises(InputError, match=r"first.csv: lists 'train/0000.jpg'"):
        read(folder, ("first.csv", "rest.csv", "first.csv"))
    assert len(read(folder, ("all.csv",), ("all.csv",)).predictions) == 2, "two models may"


def test_a_row_without_boxes_lists_its_image_too(folder):
    (folder / "empty.csv").write_text(f"{HEADER},train/0003.jpg\n")
    with pytest.raises(InputError, match=r"empty.csv: lists 'train/0003.jpg'"):
        read(folder, ("rest.csv", "empty.csv"))
    inputs = read(folder, ("empty.csv",), ("first.csv",), predicted_only=True)
    assert [image["id"] for image in inputs.coco["images"]] == [0, 1, 3]


def test_all_images_count_unless_only_predicted_ones_are_asked_for(folder):
    inputs = read(folder, ("first.csv",))
    assert inputs.coco == TRUTH and len(inputs.predictions[0].images) == 4
    missing = EN("analysis.unlisted", file=folder / "first.csv", count=2, all=4)
    assert missing in inputs.notes
    inputs = read(folder, ("first.csv",), predicted_only=True)
    assert [image["id"] for image in inputs.coco["images"]] == [0, 1]
    assert [annotation["id"] for annotation in inputs.coco["annotations"]] == [0, 1, 2, 3]
    assert inputs.predictions[0].images.file_names == ("train/0000.jpg", "train/0001.jpg")
    assert inputs.predictions[0].scores.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert EN("analysis.left_out", count=2, all=4, file=folder / "gt.json") in inputs.notes
    assert missing not in inputs.notes
    assert read_predictions(folder / "all.csv", IMAGES).images.same_as(IMAGES)
    both = read(folder, ("first.csv",), ("rest.csv",), predicted_only=True)
    assert both.coco == TRUTH
    others = [EN("analysis.unlisted", file=folder / name, count=2, all=4) for name in ("first.csv", "rest.csv")]
    assert [note for note in both.notes if "no row" in note] == others
    assert not any("no row" in note for note in read(folder, ("first.csv", "rest.csv")).notes)


def test_a_class_without_truth_and_what_is_wrong_with_a_file_are_told(folder):
    whole = (folder / "all.csv").read_text()
    (folder / "bad.csv").write_text(whole.replace("0.9 ", "1.5 "))
    notes = read(folder, ("all.csv",), ("bad.csv",)).notes
    assert notes == [
        f"{folder}/bad.csv: scores outside 0 to 1: 1, first line 2 (1.5)",
        EN("analysis.big_scores", file=folder / "bad.csv", most="1.5"),
        EN("analysis.no_truth", file=folder / "gt.json", classes="class 2"),
    ]


def test_a_model_without_any_box_is_told_by_all_its_files(folder):
    for name, images in (("a", (0, 1)), ("b", (2, 3))):
        (folder / f"{name}.csv").write_text(HEADER + "".join(f",train/{image:04}.jpg\n" for image in images))
    inputs = read(folder, ("all.csv",), ("a.csv", "b.csv"))
    assert len(inputs.predictions[1]) == 0
    assert inputs.notes == [
        EN("analysis.no_boxes", file=f"{folder / 'a.csv'}, {folder / 'b.csv'}"),
        EN("analysis.no_truth", file=folder / "gt.json", classes="class 2"),
    ]


@pytest.mark.parametrize("model", [("negative.csv",), ("first.csv", "negative.csv"), ("negative.csv", "first.csv")])
def test_a_score_below_0_is_refused_by_its_file(folder, model):
    (folder / "negative.csv").write_text((folder / "rest.csv").read_text().replace("0.3 ", "-0.25 "))
    with pytest.raises(InputError, match=r"negative.csv: a score is -0.25, 0 or more is right$"):
        read(folder, ("all.csv",), model)
    (folder / "negative.csv").write_text((folder / "rest.csv").read_text().replace("0.3 ", "0 "))
    assert read(folder, model).predictions[0].scores.min() == 0


def only_crowds(content):
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1


@pytest.mark.parametrize(
    ("truth", "file", "predicted_only"),
    [
        (coco(images=4, boxes=[], categories=(0, 1, 2)), "all.csv", False),
        (edited(only_crowds, images=4, categories=(0, 1, 2)), "all.csv", False),
        (coco(images=4, categories=(0, 1, 2)), "rest.csv", True),
    ],
)
def test_without_anything_to_find_nothing_can_be_said(folder, truth, file, predicted_only):
    write_json(folder / "gt.json", truth)
    with pytest.raises(InputError, match=r"gt.json: the predicted images have no boxes, so nothing can be right"):
        read(folder, (file,), predicted_only=predicted_only)


def test_a_file_that_cannot_be_read_is_named(folder):
    for name, message in (("none.csv", "no such file"), ("a.txt", "unknown ending for predictions")):
        with pytest.raises(InputError, match=f"{name}: {message}"):
            read(folder, ("all.csv",), ("first.csv", name))
    (folder / "a.pkl").write_bytes(b"")
    with pytest.raises(InputError, match="--trust-pickle reads it all the same"):
        read(folder, ("a.pkl",))
