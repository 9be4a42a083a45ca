"""Folds from the command line."""

import json

import pytest

from tests.builders import coco, write_jpeg, write_json


@pytest.fixture
def ann(tmp_path):
    """Twelve images of two classes, two images a scene."""
    truth = coco(12, [(i % 12, i % 2, [i, 5, 30, 20]) for i in range(36)])
    for index, image in enumerate(truth["images"]):
        image["scene"] = index // 2
    return write_json(tmp_path / "train.json", truth)


def images_of(path):
    return {image["file_name"]: image for image in json.loads(path.read_text())["images"]}


def test_folds_a_table_and_a_plot_are_written_and_the_worst_deviation_is_told(tool, ann, tmp_path):
    out = tmp_path / "folds"
    result = tool("kfold", "--ann", ann, "--out-dir", out, "--folds", 3)
    assert result.code == 0, result.err
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["balance.png", "folds.csv", *(f"{part}_fold{k}.json" for part in ("train", "val") for k in range(3))]
    )
    assert (out / "balance.png").read_bytes().startswith(b"\x89PNG")
    assert "12 images in 12 groups; worst: class 0, fold 0, +0.0 %" in result.out
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    tool("kfold", "--ann", ann, "--out-dir", out, "--folds", 3)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_groups_by_a_field_a_table_and_the_pictures_hold_together(tool, ann, tmp_path):
    for index in range(12):
        write_jpeg(tmp_path / "train" / f"{index:04}.jpg", 60 + 8 * index)
    (tmp_path / "train" / "0011.jpg").write_bytes((tmp_path / "train" / "0000.jpg").read_bytes())
    table = tmp_path / "groups.csv"
    table.write_text("file_name,group\ntrain/0001.jpg,x\ntrain/0002.jpg,x\n")
    options = ("--group-by", "scene", "--groups", table, "--data-root", tmp_path, "--folds", 2)
    result = tool("kfold", "--ann", ann, "--out-dir", tmp_path / "folds", *options)
    assert result.code == 0, result.err
    together = {f"train/{index:04}.jpg" for index in (0, 1, 2, 3, 10, 11)}
    sides = [set(images_of(tmp_path / "folds" / f"val_fold{fold}.json")) for fold in range(2)]
    assert any(together <= side for side in sides)


def test_bags_hold_images_several_times_and_validate_on_what_is_out(tool, ann, tmp_path):
    result = tool("kfold", "--ann", ann, "--out-dir", tmp_path / "bags", "--method", "bootstrap", "--folds", 3)
    assert result.code == 0, result.err
    for bag in range(3):
        train, val = (images_of(tmp_path / "bags" / f"{part}_fold{bag}.json") for part in ("train", "val"))
        assert sum(image.get("copies", 1) for image in train.values()) == 12
        assert train.keys().isdisjoint(val) and len(train) + len(val) == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", 13], "13 folds of 12 groups of images: at most 12 are right"),
        (["--folds", 7, "--group-by", "scene"], "7 folds of 6 groups of images (12 images in groups): at most 6"),
        (["--folds", 1], "1 folds: 2 or more are right"),
        (["--group-by", "video"], "image 0: has no 'video' to group by"),
        (["--groups", "none.csv"], "none.csv: no such file"),
        (["--data-root", "."], "cannot be read as an image"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(options, message, tool, ann, tmp_path):
    result = tool("kfold", "--ann", ann, "--out-dir", tmp_path / "folds", *options)
    assert result.code == 2
    assert message in result.err and len(result.err.splitlines()) == 1
    assert not (tmp_path / "folds").exists()


def test_annotations_that_name_an_absent_image_are_refused(tool, ann, edit_json, tmp_path):
    edit_json(ann, lambda content: content["annotations"][4].update(image_id=99))
    result = tool("kfold", "--ann", ann, "--out-dir", tmp_path / "folds")
    assert result.code == 2
    assert "annotation 4: image_id 99 is no image of this file" in result.err
