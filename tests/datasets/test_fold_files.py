import csv
import json

import numpy as np
import pytest

from mmdet_trash.annotations import load_annotations
from mmdet_trash.datasets.fold_files import fold_files, read_folds, write_folds
from mmdet_trash.datasets.folds import bootstrap_bags, stratified_folds
from mmdet_trash.errors import InputError
from tests.builders import coco, write_json


def rich_coco(images=12):
    """Annotations with more in them than COCO asks for."""
    truth = coco(images, [(i % images, i % 2, [i + 0.1, 1e-3, 30.25, 20]) for i in range(3 * images)])
    truth["info"] = {"year": 2026, "contributor": "Müll"}
    truth["licenses"] = [{"id": 0, "name": "CC BY 4.0"}]
    for image in truth["images"]:
        image["scene"] = {"lat": 52.5, "tags": ["outdoors", None]}
    for annotation in truth["annotations"]:
        annotation["attributes"] = {"occluded": True}
    return truth


def test_folds_keep_every_field_and_every_box_is_validated_once(tmp_path):
    truth = rich_coco()
    write_folds(truth, stratified_folds(truth, np.arange(12), 3), tmp_path)
    sides = {part: [json.loads(path.read_text()) for path in fold_files(tmp_path, part)] for part in ("train", "val")}
    for train, val in zip(*sides.values(), strict=True):
        for part in ("images", "annotations"):
            assert sorted(train[part] + val[part], key=lambda entry: entry["id"]) == truth[part]
        for name in ("info", "licenses", "categories"):
            assert train[name] == val[name] == truth[name]
        load = {image["id"] for image in val["images"]}
        assert {annotation["image_id"] for annotation in val["annotations"]} <= load
    validated = [annotation["id"] for val in sides["val"] for annotation in val["annotations"]]
    assert sorted(validated) == [annotation["id"] for annotation in truth["annotations"]]


def test_an_image_that_a_bag_holds_several_times_stands_once_with_its_copies(tmp_path):
    truth = rich_coco()
    bags = bootstrap_bags(np.arange(12), 2)
    write_folds(truth, bags, tmp_path)
    for times, path in zip(bags.times, fold_files(tmp_path, "train"), strict=True):
        images = load_annotations(path)["images"]
        assert {image["id"]: image.get("copies", 1) for image in images} == {
            index: count for index, count in enumerate(times.tolist()) if count
        }
        assert all(
            image == truth["images"][image["id"]] | ({"copies": image["copies"]} if "copies" in image else {})
            for image in images
        )
    rows = list(csv.DictReader((tmp_path / "folds.csv").open()))
    assert [[int(row["bag0"]), int(row["bag1"])] for row in rows] == bags.times.T.tolist()


def test_the_table_says_which_fold_validates_on_an_image(tmp_path):
    truth = rich_coco()
    folds = stratified_folds(truth, np.arange(12) // 2, 3)
    write_folds(truth, folds, tmp_path)
    rows = list(csv.DictReader((tmp_path / "folds.csv").open()))
    assert [row["file_name"] for row in rows] == [image["file_name"] for image in truth["images"]]
    assert [int(row["group"]) for row in rows] == (np.arange(12) // 2).tolist()
    assert all(folds.validated[int(row["fold"]), index] for index, row in enumerate(rows))


def test_a_smaller_split_leaves_no_files_of_a_larger_one_and_the_same_gives_the_same_bytes(tmp_path):
    truth = rich_coco()
    write_folds(truth, stratified_folds(truth, np.arange(12), 4), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    small = stratified_folds(truth, np.arange(12), 2)
    write_folds(truth, small, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "folds.csv", "notes.txt", "train_fold0.json", "train_fold1.json", "val_fold0.json", "val_fold1.json",
    ]  # fmt: skip
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_folds(truth, small, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_full_disk_leaves_the_folds_that_were_there(tmp_path, monkeypatch):
    truth = rich_coco()
    write_folds(truth, stratified_folds(truth, np.arange(12), 2), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written = []

    def dump(*args, **options):
        written.append(args)
        if len(written) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", dump)
    with pytest.raises(OSError, match="folds cannot be written: No space left on device") as error:
        write_folds(truth, stratified_folds(truth, np.arange(12), 3), tmp_path)
    assert error.value.filename == str(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_without_folds_or_with_a_gap_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no val_fold0.json; tools/kfold.py writes it"):
        fold_files(tmp_path, "val")
    for fold in (0, 2):
        write_json(tmp_path / f"val_fold{fold}.json", coco())
    with pytest.raises(InputError, match=r"has val_fold2.json and no val_fold1.json"):
        fold_files(tmp_path, "val")


def test_who_validates_on_what_is_read_back_by_image_id_whatever_the_order(tmp_path):
    truth = rich_coco()
    folds = stratified_folds(truth, np.arange(12), 3)
    write_folds(truth, folds, tmp_path)
    assert np.array_equal(read_folds(truth, tmp_path).times, folds.times)
    turned = {**truth, "images": truth["images"][::-1]}
    assert np.array_equal(read_folds(turned, tmp_path).validated, folds.validated[:, ::-1])
    assert len(set(read_folds(truth, tmp_path).groups.tolist())) == 12

    bags = bootstrap_bags(np.arange(12), 2)
    write_folds(truth, bags, tmp_path)
    found = read_folds(truth, tmp_path)
    assert len(found) == 2 and np.array_equal(found.validated, bags.validated)

    last = np.flatnonzero(bags.validated[1])[-1]
    fewer = {**truth, "images": [image for image in truth["images"] if image["id"] != last]}
    with pytest.raises(
        InputError, match=rf"val_fold[01].json: image {last} is none of the annotation file's; folds of it"
    ):
        read_folds(fewer, tmp_path)
    with pytest.raises(InputError, match=r"has no val_fold0.json"):
        read_folds(truth, tmp_path / "none")
