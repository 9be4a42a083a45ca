"""Configs held to annotation files."""

import pytest

from mmdet_trash.errors import InputError
from tests.builders import coco, write_json
from tests.engine.lint.texts import CONFIGS, FASTER

DEMO = CONFIGS / "demo" / "cascade-rcnn_tiny.py"
TWO = "model = dict(roi_head=dict(bbox_head=dict(num_classes=2)))"


@pytest.fixture
def data(tmp_path):
    """Annotation files of two classes, each with its categories: (id, name) pairs."""

    def write(train=((0, "a"), (1, "b")), test=((0, "a"), (1, "b")), size=(1024, 1024)) -> str:
        for name, categories in (("train", train), ("test", test)):
            content = coco(size=size)
            content["categories"] = [{"id": number, "name": word} for number, word in categories]
            write_json(tmp_path / "data" / f"{name}.json", content)
        return str(tmp_path / "data")

    return write


def texts(found) -> list[str]:
    return [f"{each.what}; {each.right}" for each in found]


def test_data_and_config_that_agree(findings, data):
    assert findings(FASTER, TWO, data_root=data()) == []


def test_heads_are_held_to_the_annotation_file(findings, data):
    root = data()
    (found,) = findings(FASTER, "", data_root=root)
    assert texts([found]) == [f"num_classes is 10, and {root}/train.json has 2; num_classes=2 is right"]
    assert str(found.place) == "configs/_base_/models/cascade-rcnn_r50_fpn.py:31"


def test_a_background_that_is_counted_is_called_so(findings, data):
    (found,) = findings(FASTER, "model = dict(roi_head=dict(bbox_head=dict(num_classes=3)))", data_root=data())
    assert "has 2 (background is no class since MMDetection 2.0); num_classes=2" in str(found)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (((1, "a"), (2, "b")), "test.json numbers its categories from 1, {root}/train.json from 0; the same ids"),
        (((0, "b"), (1, "a")), "test.json has its categories in another order than {root}/train.json; a, b is right"),
        (((0, "a"), (1, "c")), "test.json has other categories than {root}/train.json; a, b is right"),
    ],
)
def test_files_that_number_otherwise(findings, data, test, message):
    root = data(test=test)
    (found,) = findings(FASTER, TWO, data_root=root)
    assert message.format(root=root) in str(found)
    assert str(found.place) == "configs/_base_/datasets/trash_detection.py:55"


def test_classes_that_are_stated_in_another_order_than_their_ids(findings, data):
    root = data()
    text = f'{TWO}\ntrain_dataloader = dict(dataset=dict(metainfo=dict(classes=("b", "a"))))'
    (found,) = findings(FASTER, text, data_root=root)
    assert f"the classes are not those of {root}/train.json, in the order of their ids; a, b is right" in str(found)
    assert found.place.line == 3


def test_images_are_as_large_as_the_data_has_them(findings, data):
    wide = (
        f"{TWO}\nfor loader in ('train', 'val', 'test'):\n"
        "    globals()[f'{loader}_dataloader'] = dict(dataset=dict(pipeline=[\n"
        '        dict(type="LoadImageFromFile"), dict(type="Resize", scale=(1333, 800), keep_ratio=True)]))'
    )
    assert findings(FASTER, wide, data_root=data(size=(1920, 1080))) == []
    assert {each.place.line for each in findings(FASTER, wide, data_root=data(size=(1024, 1024)))} == {5}


def test_a_test_file_without_categories_says_nothing(findings, data):
    assert findings(FASTER, TWO, data_root=data(test=())) == []


def test_a_folder_without_the_files_is_one_line(findings, tmp_path):
    with pytest.raises(InputError, match=r"--data-root .*: has none of test\.json, train\.json"):
        findings(FASTER, "", data_root=str(tmp_path))


@pytest.mark.parametrize("content", [[], {"images": [{}]}, {"images": [], "categories": [{"id": 1}]}, {"images": 3}])
def test_a_file_that_is_not_coco_is_one_line(findings, tmp_path, content):
    write_json(tmp_path / "train.json", content)
    with pytest.raises(InputError, match=r"train\.json: is not COCO"):
        findings(FASTER, "", data_root=str(tmp_path))
