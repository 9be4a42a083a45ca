import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.annotations import load_annotations
from mmdet_trash.datasets.pseudo_labels import (
    LabelRule,
    as_annotations,
    check_no_leak,
    choose_labels,
    load_unlabelled,
    with_folders,
)
from mmdet_trash.errors import InputError
from mmdet_trash.predictions import ImageTable, from_annotations, read_predictions
from mmdet_trash.predictions.matching import are_right
from tests.builders import coco, predictions, write_json

CONTENT = coco(images=4, boxes=[], categories=(3, 7), folder="test/")
IMAGES = ImageTable.from_coco(CONTENT)
BOX = (10, 20, 30.5, 40)


def rows(labels) -> list[tuple]:
    """Every label as (image position, label, score)."""
    boxes = labels.boxes
    return list(zip(boxes.image_index.tolist(), boxes.labels.tolist(), boxes.scores.tolist(), strict=True))


scores = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), scores), max_size=12),
    st.tuples(scores, scores),
    scores,
    st.none() | st.integers(0, 2),
)
def test_labels_and_images_are_chosen_as_the_rule_says(found, score_thr, doubt_thr, max_doubtful) -> None:
    """Against the rule written out, an image at a time."""
    expected = []
    for image in range(4):
        here = [row for row in found if row[0] == image]
        labels = [row for row in here if row[2] >= score_thr[row[1]]]
        doubtful = [row for row in here if doubt_thr <= row[2] < score_thr[row[1]]]
        if max_doubtful is None or len(doubtful) <= max_doubtful:
            expected += labels
    if max_doubtful is not None and doubt_thr > min(score_thr):
        with pytest.raises(InputError, match="doubt_thr"):
            LabelRule(score_thr, doubt_thr, max_doubtful)
        return
    rule = LabelRule(score_thr, doubt_thr, max_doubtful)
    boxes = predictions(IMAGES, [(*row, *BOX) for row in found])
    if not expected:
        with pytest.raises(InputError, match=r"^no image is accepted: "):
            choose_labels(boxes, rule)
        return
    labels = choose_labels(boxes, rule)
    assert rows(labels) == expected
    assert labels.accepted.tolist() == [any(row[0] == image for row in expected) for image in range(4)]


def test_boxes_are_clipped_and_those_under_a_pixel_are_neither_labels_nor_doubt() -> None:
    boxes = predictions(
        IMAGES,
        [
            (0, 0, 0.9, -5, 70, 50.25, 90),
            (0, 1, 0.3, 10, 10, 10.5, 60),  # would be doubt
            (1, 1, 0.9, 99.5, 10, 140, 60),  # half a pixel within the image
            (2, 1, 0.9, 30, 10, 20, 60),  # inside out
        ],
    )
    labels = choose_labels(boxes, LabelRule((0.5,), 0.2, 0))
    assert labels.boxes.bboxes.tolist() == [[0, 70, 50.25, 80]]
    assert (labels.accepted.tolist(), labels.tiny) == ([True, False, False, False], 3)


def test_annotations_hold_the_boxes_as_they_were_under_the_files_category_ids() -> None:
    content = {**CONTENT, "licenses": [{"id": 1}], "info": {"year": 2021}}
    content["images"] = [{**image, "taken": image["id"]} for image in content["images"]]
    before = copy.deepcopy(content)
    boxes = predictions(IMAGES, [(2, 1, 0.75, *BOX), (3, 0, 0.1, *BOX), (1, 0, 0.5, 0, 0, 100, 80)])
    made = as_annotations(content, choose_labels(boxes, LabelRule()), {"fold": 2})
    assert content == before
    assert made["images"] == [content["images"][1], content["images"][2]]
    assert made["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 100, 80], "area": 8000, "score": 0.5, "iscrowd": 0},
        {
            "id": 2,
            "image_id": 2,
            "category_id": 7,
            "bbox": [10, 20, 20.5, 20],
            "area": 410,
            "score": 0.75,
            "iscrowd": 0,
        },
    ]
    assert made["info"] == {"year": 2021, "pseudo_labels": {"fold": 2}}
    assert (made["licenses"], made["categories"]) == (content["licenses"], content["categories"])


def test_labels_read_back_are_the_boxes_that_were_chosen(tmp_path) -> None:
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 80, (40, 2, 2)).astype(np.float32).astype(np.float64), axis=1).reshape(40, 4)
    corners[:, 2:] = np.minimum(corners[:, 2:] + 1, 80)
    boxes = predictions(IMAGES, np.c_[np.arange(40) % 4, np.arange(40) % 2, rng.uniform(size=40), corners])
    labels = choose_labels(boxes, LabelRule((0.3, 0.6)))
    path = write_json(tmp_path / "pseudo.json", as_annotations(CONTENT, labels, {}))
    again = from_annotations(load_annotations(path))
    assert len(again) == len(labels.boxes) > 10
    np.testing.assert_allclose(again.bboxes, labels.boxes.bboxes, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(again.labels, labels.boxes.labels)
    names = [again.images.file_names[i] for i in again.image_index]
    assert names == [IMAGES.file_names[i] for i in labels.boxes.image_index]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score_thr": (0.5, 1.5)}, "score_thr: 1.5 is no score, 0 to 1 is right"),
        ({"score_thr": (float("nan"),)}, "score_thr: nan is no score, 0 to 1 is right"),
        ({"doubt_thr": -0.1}, "doubt_thr: -0.1 is no score, 0 to 1 is right"),
        ({"max_doubtful": -1}, "max_doubtful: -1 is no number of boxes, 0 or more is right"),
        (
            {"score_thr": (0.5, 0.1), "max_doubtful": 0},
            "doubt_thr: 0.2 is above the score_thr 0.1, at most that is right",
        ),
    ],
)
def test_a_wrong_rule_is_one_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        LabelRule(**arguments)
    assert str(error.value) == message


def test_doubt_is_no_matter_where_it_is_not_asked_for() -> None:
    assert LabelRule((0.1,), 0.2).score_thr == (0.1,)


def test_thresholds_are_one_or_one_a_class() -> None:
    with pytest.raises(InputError, match=r"^score_thr: has 3 numbers, 1 or 2, one a class, is right$"):
        choose_labels(predictions(IMAGES, [(0, 0, 0.9, *BOX)]), LabelRule((0.1, 0.2, 0.3)))


def test_no_accepted_image_says_why() -> None:
    one = predictions(IMAGES, [(0, 0, 0.9, *BOX), (0, 1, 0.45, *BOX)])
    for boxes, rule, why in (
        (one, LabelRule((0.95,)), "no box reaches score_thr, the highest score is 0.9"),
        (predictions(IMAGES), LabelRule(), "no box reaches score_thr, there is none"),
        (one, LabelRule((0.5,), 0.2, 0), "each with a label has more than max_doubtful 0 boxes that score 0.2 or more"),
    ):
        with pytest.raises(InputError) as error:
            choose_labels(boxes, rule)
        assert str(error.value).startswith(f"no image is accepted: {why}")


def test_a_labelled_file_is_refused(tmp_path) -> None:
    path = write_json(tmp_path / "test.json", coco())
    with pytest.raises(InputError, match=r"test\.json: is already labelled, with 2 boxes; a test set is right$"):
        load_unlabelled(path)
    write_json(path, {**CONTENT, "info": ["a"]})
    with pytest.raises(InputError, match=r"test\.json: info is \['a'\], an object is right"):
        load_unlabelled(path)
    assert load_unlabelled(write_json(path, {**CONTENT, "info": None})) == {**CONTENT, "info": None}


def test_a_name_without_its_folder_gets_it_where_the_image_is_there(root, tmp_path) -> None:
    (tmp_path / "test").symlink_to(root / "train")
    content = coco(images=5, boxes=[], folder="")
    named = with_folders(content, tmp_path / "test.json")
    expected = [f"test/000{i}.jpg" for i in range(4)] + ["0004.jpg"]
    assert [image["file_name"] for image in named["images"]] == expected
    assert with_folders(named, tmp_path / "test.json") == named
    assert content == coco(images=5, boxes=[], folder="")


def pseudo(path, **info) -> Any:
    return write_json(path, {**coco(images=2, boxes=[], folder="test/"), "info": info})


@pytest.fixture
def val(tmp_path):
    return write_json(tmp_path / "val_fold1.json", coco(folder="train/"))


def test_labels_of_the_folds_own_model_and_other_annotations_pass(tmp_path, val) -> None:
    check_no_leak(pseudo(tmp_path / "pseudo.json", pseudo_labels={"fold": 1}), 1, val)
    check_no_leak(pseudo(tmp_path / "more.json", year=2021), 1, val)


@pytest.mark.parametrize("origin", [{"fold": 0}, {"fold": None}, {}, {"fold": True}, {"fold": "1"}, None, "fold 1"])
def test_labels_that_other_models_made_are_refused(tmp_path, val, origin) -> None:
    path = pseudo(tmp_path / "pseudo.json", pseudo_labels=origin)
    with pytest.raises(InputError, match=r"pseudo\.json: .* may have learnt from fold 1's validation") as error:
        check_no_leak(path, 1, val)
    assert "\n" not in str(error.value)


def test_an_image_that_is_validated_on_is_refused_whatever_the_file_says(tmp_path, val) -> None:
    for info in ({}, {"pseudo_labels": {"fold": 1}}):
        content = {**coco(images=3, boxes=[], folder="test/"), "info": info}
        content["images"][2]["file_name"] = "train/0001.jpg"
        path = write_json(tmp_path / "more.json", content)
        with pytest.raises(InputError) as error:
            check_no_leak(path, 1, val)
        assert str(error.value) == (
            f"{path}: image 2 'train/0001.jpg' is one that {val} validates on; images of no validation set are right"
        )


def test_a_lower_threshold_keeps_more_objects_of_real_predictions_and_doubt_takes_the_easy_images(shared) -> None:
    """What docs/pseudo_labels.md says of fold 0: precision, recall, images and objects that are left, of all."""
    folder = shared / "data" / "predictions"
    truth = from_annotations(json.loads((folder / "oof_fold0_gt.json").read_text()))
    boxes = read_predictions(folder / "oof_fold0_deta_identity.csv", truth.images)
    figures = {}
    for threshold, most in ((0.25, None), (0.5, None), (0.7, None), (0.5, 0)):
        labels = choose_labels(boxes, LabelRule((threshold,), 0.2, most))
        there = truth.select(labels.accepted[truth.image_index])
        right = are_right(labels.boxes, there)
        shares = (right.mean(), right.sum() / len(there), labels.accepted.mean(), len(there) / len(truth))
        figures[threshold, most] = tuple(round(float(share), 2) for share in shares)
    assert figures == {
        (0.25, None): (0.54, 0.67, 1.0, 1.0),
        (0.5, None): (0.78, 0.57, 0.99, 1.0),
        (0.7, None): (0.88, 0.41, 0.93, 0.97),
        (0.5, 0): (0.84, 0.77, 0.47, 0.17),
    }
