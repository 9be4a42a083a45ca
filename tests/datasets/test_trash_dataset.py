import json

import numpy as np
import pytest
from mmengine.registry import DefaultScope

from mmdet_trash.classes import CLASSES
from mmdet_trash.datasets.trash_dataset import TrashDataset
from mmdet_trash.errors import InputError


@pytest.fixture
def log(monkeypatch):
    """What the dataset says to the log."""
    lines = []
    monkeypatch.setattr("mmdet_trash.datasets.trash_dataset.print_log", lambda text, **_: lines.append(text))
    return lines


def make(root, **kwargs):
    return TrashDataset(**{"ann_file": "train.json", "data_root": str(root), "pipeline": [], **kwargs})


def boxes_by_name(root, dataset):
    """Every box of a loaded dataset as (file name, class name, rounded box), however labels are numbered."""
    names = dataset.metainfo["classes"]
    return sorted(
        (info["img_path"].removeprefix(f"{root}/"), names[box["bbox_label"]], *np.round(box["bbox"], 3))
        for info in dataset
        for box in info["instances"]
    )


def boxes_in_json(root):
    content = json.loads((root / "train.json").read_text())
    images = {image["id"]: image["file_name"] for image in content["images"]}
    names = {category["id"]: category["name"] for category in content["categories"]}
    return sorted(
        (images[a["image_id"]], names[a["category_id"]], *np.round([x, y, x + w, y + h], 3))
        for a in content["annotations"]
        for x, y, w, h in [a["bbox"]]
    )


def test_every_box_of_the_file_is_loaded_with_its_class(dataset):
    loaded = make(dataset)
    assert len(loaded) == 20
    assert loaded.metainfo["classes"] == CLASSES
    assert boxes_by_name(dataset, loaded) == boxes_in_json(dataset)


@pytest.mark.parametrize("new_id", [lambda i: i + 1, lambda i: 7 * i + 3, lambda i: 90 - i])
def test_category_ids_may_start_at_one_have_gaps_or_fall(dataset, edit_json, new_id):
    def renumber(coco):
        for category in coco["categories"]:
            category["id"] = new_id(category["id"])
        for annotation in coco["annotations"]:
            annotation["category_id"] = new_id(annotation["category_id"])

    edit_json(dataset / "train.json", renumber)
    assert boxes_by_name(dataset, make(dataset)) == boxes_in_json(dataset)


def test_classes_come_from_the_file(dataset, edit_json):
    def rename(coco):
        for category in coco["categories"]:
            category["name"] = f"kind {category['id']}"

    edit_json(dataset / "train.json", rename)
    loaded = make(dataset)
    assert loaded.metainfo["classes"] == tuple(f"kind {i}" for i in range(10))
    assert len(loaded.metainfo["palette"]) == 10


def test_the_ten_classes_stand_in_for_a_file_without_categories(dataset, edit_json):
    edit_json(dataset / "train.json", lambda coco: coco.pop("categories"))
    assert make(dataset).metainfo["classes"] == CLASSES


def test_stated_classes_set_the_order_of_labels(dataset):
    loaded = make(dataset, metainfo={"classes": CLASSES[::-1]})
    assert loaded.metainfo["classes"] == CLASSES[::-1]
    assert boxes_by_name(dataset, loaded) == boxes_in_json(dataset)


def test_a_category_that_no_stated_class_names_stops(dataset):
    with pytest.raises(InputError, match=r"train\.json: category 9 'Clothing' is none of the stated classes"):
        make(dataset, metainfo={"classes": CLASSES[:9]})


def test_a_stated_class_that_the_file_lacks_stops(dataset):
    with pytest.raises(InputError, match="has no category 'Umbrella', which the config states"):
        make(dataset, metainfo={"classes": (*CLASSES, "Umbrella")})


def test_images_are_found_without_their_folder_in_the_name(dataset, edit_json):
    def strip(coco):
        for image in coco["images"]:
            image["file_name"] = image["file_name"].split("/")[1]

    expected = {info["img_path"] for split in ("train", "test") for info in make(dataset, ann_file=f"{split}.json")}
    for split in ("train", "test"):
        edit_json(dataset / f"{split}.json", strip)
    found = {info["img_path"] for split in ("train", "test") for info in make(dataset, ann_file=f"{split}.json")}
    assert found == expected


def test_odd_boxes_are_handled_and_counted_in_one_line(dataset, edit_json, log):
    odd = {"crowd": [10, 10, 20, 20], "zero": [10, 10, 0, 20], "outside": [200, 10, 20, 20], "over": [120, 120, 20, 20]}

    def add(coco):
        coco["annotations"] = [
            {"id": i, "image_id": 0, "category_id": 0, "bbox": box, "iscrowd": int(name == "crowd")}
            for i, (name, box) in enumerate(odd.items())
        ]

    edit_json(dataset / "train.json", add)
    instances = make(dataset)[0]["instances"]
    assert [(box["bbox"], box["ignore_flag"]) for box in instances] == [
        ([10, 10, 30, 30], 1),
        ([120, 120, 128, 128], 0),
    ]
    assert len(log) == 1
    for count in (
        "1 crowd ignored",
        "1 under a pixel dropped",
        "1 outside the image dropped",
        "1 clipped to the image",
    ):
        assert count in log[0]


def test_an_unlabelled_file_is_a_test_set(dataset):
    loaded = make(dataset, ann_file="test.json", test_mode=True)
    assert [info["instances"] for info in loaded] == [[]] * 5


@pytest.mark.parametrize(
    ("filters", "left"), [(None, 20), ({"filter_empty_gt": False}, 20), ({"filter_empty_gt": True}, 17)]
)
def test_images_without_boxes_are_kept_on_request(dataset, edit_json, filters, left):
    def empty_three(coco):
        coco["annotations"] = [a for a in coco["annotations"] if a["image_id"] > 2]

    edit_json(dataset / "train.json", empty_three)
    assert len(make(dataset, filter_cfg=filters)) == left


def test_the_two_sides_of_the_holdout_make_the_whole(dataset):
    train, val = (make(dataset, holdout=side) for side in ("train", "val"))
    ids = [{info["img_id"] for info in side} for side in (train, val)]
    assert not ids[0] & ids[1]
    assert ids[0] | ids[1] == set(range(20))
    assert 2 <= len(val) <= 6


def test_an_unknown_holdout_says_what_is_right(dataset):
    with pytest.raises(InputError, match="holdout 'valid' is unknown"):
        make(dataset, holdout="valid")


@pytest.fixture
def with_truncated(dataset, synthetic):
    """The dataset with its image 3 cut in half."""
    (dataset / "train").unlink()
    (dataset / "train").mkdir()
    for image in (synthetic / "train").glob("*.jpg"):
        content = image.read_bytes()
        (dataset / "train" / image.name).write_bytes(content[: len(content) // 2] if image.stem == "0003" else content)
    return dataset


def test_a_truncated_image_is_named_and_left_out_of_training(with_truncated, log):
    loaded = make(with_truncated)
    assert sorted(info["img_id"] for info in loaded) == [i for i in range(20) if i != 3]
    assert any("train/0003.jpg" in line and "truncated" in line for line in log)
    assert "1 broken images left out" in log[-1]


def test_a_truncated_image_is_an_error_in_test(with_truncated):
    for kwargs in ({"test_mode": True}, {"broken": "error"}):
        with pytest.raises(InputError, match=r"image 3: .*train/0003\.jpg: image file is truncated"):
            make(with_truncated, **kwargs)


def test_a_truncated_image_is_left_out_of_the_validation_of_a_training(with_truncated):
    assert len(make(with_truncated, test_mode=True, broken="skip")) == 19


def test_a_missing_image_stops_before_training(dataset, edit_json):
    edit_json(dataset / "train.json", lambda coco: coco["images"][4].update(file_name="train/nowhere.jpg"))
    with pytest.raises(InputError, match=r"image 4: .*train/nowhere\.jpg: no such file"):
        make(dataset)


def test_an_image_of_another_size_than_stated_stops(dataset, edit_json):
    edit_json(dataset / "train.json", lambda coco: coco["images"][4].update(width=640, height=480))
    with pytest.raises(InputError, match=r"train/0004\.jpg: is 128x128, the annotations say 640x480"):
        make(dataset)


def test_a_missing_annotation_file_is_one_line(dataset):
    with pytest.raises(InputError, match=r"nowhere\.json: no such file"):
        make(dataset, ann_file="nowhere.json")


def test_real_photographs_load_whole(shared):
    root = shared / "data" / "litter"
    loaded = make(root)
    assert (len(loaded), sum(len(info["instances"]) for info in loaded)) == (240, 703)
    assert len(make(root, ann_file="test.json", test_mode=True)) == 84


def make_with_masks(root):
    pipeline = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True, "with_mask": True}]
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return make(root, pipeline=pipeline)


def only_box(**fields):
    """Leave a file of 128 px images one box, [10, 20, 30, 40] of image 0, with these fields."""
    annotation = {"id": 12, "image_id": 0, "category_id": 0, "bbox": [10, 20, 30, 40], **fields}
    return lambda coco: coco.update(annotations=[annotation])


def test_masks_are_loaded_with_their_boxes(dataset):
    for item in make_with_masks(dataset):
        assert item["gt_masks"].masks.shape == (len(item["instances"]), 128, 128)
        np.testing.assert_allclose(item["gt_masks"].get_bboxes("hbox").tensor, item["gt_bboxes"].tensor, atol=2)
        assert not item["gt_ignore_flags"].any()


@pytest.mark.parametrize(
    "segmentation",
    [
        [[10, 20, 40, 20, 40, 60, 10, 60]],
        [[10, 20, 25, 20, 25, 60, 10, 60], [25, 20, 40, 20, 40, 60, 25, 60]],
        # Columns from the left, from the top: 20 pixels without, 40 with, 88 to the next one's first with.
        {"size": [128, 128], "counts": [10 * 128 + 20, *[40, 88] * 29, 40, 68 + 88 * 128]},
    ],
)
def test_a_mask_is_a_polygon_or_several_or_an_rle(dataset, edit_json, segmentation):
    edit_json(dataset / "train.json", only_box(segmentation=segmentation))
    expected = np.zeros((1, 128, 128))
    expected[0, 20:60, 10:40] = 1
    np.testing.assert_array_equal(make_with_masks(dataset)[0]["gt_masks"].masks, expected)
    assert make(dataset)[0]["instances"][0]["mask"] == segmentation


@pytest.mark.parametrize("fields", [{}, {"segmentation": None}, {"segmentation": []}])
def test_a_box_without_a_mask_stops_a_pipeline_with_masks_only(dataset, edit_json, fields):
    edit_json(dataset / "train.json", only_box(**fields))
    assert make(dataset)[0]["instances"] == [{"bbox": [10, 20, 40, 60], "bbox_label": 0, "ignore_flag": 0}]
    with pytest.raises(InputError) as error:
        make_with_masks(dataset)
    assert str(error.value) == (
        f"{dataset}/train.json: annotation 12 has no segmentation, which a pipeline with masks needs; train a config "
        "without masks, or give polygons"
    )


def test_a_crowd_or_dropped_box_needs_no_mask(dataset, edit_json):
    edit_json(dataset / "train.json", only_box(iscrowd=1))
    item = make_with_masks(dataset)[0]
    assert item["gt_ignore_flags"].tolist() == [True]
    assert item["gt_masks"].masks.shape == (1, 128, 128)
    edit_json(dataset / "train.json", only_box(bbox=[200, 20, 30, 40]))
    assert make_with_masks(dataset)[0]["gt_masks"].masks.shape == (0, 128, 128)


def test_mmdetections_pipeline_reads_it(dataset):
    pipeline = [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations", "with_bbox": True},
        {"type": "Resize", "scale": (64, 64), "keep_ratio": True},
        {"type": "PackDetInputs"},
    ]
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        item = make(dataset, pipeline=pipeline)[0]
    assert item["inputs"].shape == (3, 64, 64)
    expected = np.array([box["bbox"] for box in make(dataset)[0]["instances"]]) / 2
    np.testing.assert_allclose(item["data_samples"].gt_instances.bboxes.tensor.numpy(), expected, atol=1e-4)


def split_off(root, name, first, **change):
    """Move the images from id `first` on, and their boxes, into a file of their own; gives its content."""
    content = json.loads((root / "train.json").read_text())
    parts = []
    for mine in (lambda i: i < first, lambda i: i >= first):
        images = [image for image in content["images"] if mine(image["id"])]
        annotations = [a for a in content["annotations"] if mine(a["image_id"])]
        parts.append({**content, "images": images, "annotations": annotations})
    parts[1].update(change)
    (root / "train.json").write_text(json.dumps(parts[0]))
    (root / name).write_text(json.dumps(parts[1]))
    return parts[1]


def test_extra_files_are_trained_on_as_if_they_were_one(dataset, edit_json, log):
    whole = boxes_in_json(dataset)
    split_off(dataset, "b.json", 15)

    def renumber(coco):
        for image in coco["images"]:
            image["id"] -= 15
        for number, annotation in enumerate(coco["annotations"]):
            annotation.update(
                id=number, image_id=annotation["image_id"] - 15, category_id=30 - annotation["category_id"]
            )
        for category in coco["categories"]:
            category["id"] = 30 - category["id"]

    edit_json(dataset / "b.json", renumber)
    for extra in ("b.json", str(dataset / "b.json")):
        loaded = make(dataset, extra_ann_files=[extra])
        assert [info["img_id"] for info in loaded] == list(range(20))
        assert boxes_by_name(dataset, loaded) == whole
    assert log[-1].startswith(f"{dataset}/train.json + {dataset}/b.json: 20 images (")


def test_an_extra_file_without_categories_has_the_first_files(dataset, edit_json):
    edit_json(dataset / "train.json", lambda coco: [c.update(name=f"kind {c['id']}") for c in coco["categories"]])
    whole = boxes_in_json(dataset)
    split_off(dataset, "b.json", 15)
    edit_json(dataset / "b.json", lambda coco: coco.pop("categories"))
    assert boxes_by_name(dataset, make(dataset, extra_ann_files=["b.json"])) == whole


def test_images_of_an_extra_file_are_found_by_that_files_name(dataset):
    content = json.loads((dataset / "test.json").read_text())
    content["images"] = [{**image, "file_name": image["file_name"].split("/")[1]} for image in content["images"]]
    (dataset / "test_pseudo.json").write_text(json.dumps(content))
    loaded = make(dataset, extra_ann_files=["test_pseudo.json"])
    assert [info["img_path"] for info in loaded][20:] == [f"{dataset}/test/{i:04}.jpg" for i in range(5)]


def test_a_dataset_loads_again_after_its_annotations_were_dropped(dataset):
    split_off(dataset, "b.json", 15)
    lazy = make(dataset, extra_ann_files=["b.json"], lazy_init=True)
    lazy.full_init()
    assert lazy._annotations is None
    again = [{**info, "sample_idx": index} for index, info in enumerate(lazy.load_data_list())]
    assert again == [lazy.get_data_info(index) for index in range(20)]


def test_the_holdout_splits_the_first_file_alone(dataset):
    split_off(dataset, "b.json", 15)
    alone = {side: [info["img_id"] for info in make(dataset, holdout=side)] for side in ("train", "val")}
    joined = make(dataset, holdout="train", extra_ann_files=["b.json"])
    assert [info["img_id"] for info in joined] == [*alone["train"], *range(15, 20)]
    assert sorted(alone["train"] + alone["val"]) == list(range(15))


@pytest.mark.parametrize("kwargs", [{"test_mode": True}, {"holdout": "val"}])
def test_extra_files_are_not_to_test_or_validate_on(dataset, kwargs):
    with pytest.raises(InputError, match=r"b\.json: extra_ann_files are to train on, not to validate or test on$"):
        make(dataset, extra_ann_files=["b.json"], **kwargs)


def test_an_image_in_two_files_stops_with_both(dataset):
    (dataset / "b.json").write_bytes((dataset / "train.json").read_bytes())
    with pytest.raises(InputError, match=r"b\.json: image 0 'train/0000\.jpg' stands in .*/train\.json too"):
        make(dataset, extra_ann_files=["b.json"])


def test_a_class_that_only_an_extra_file_has_stops_where_it_has_boxes(dataset, edit_json):
    split_off(dataset, "b.json", 15)
    edit_json(dataset / "b.json", lambda coco: coco["categories"].append({"id": 77, "name": "Umbrella"}))
    assert len(make(dataset, extra_ann_files=["b.json"])) == 20
    edit_json(dataset / "b.json", lambda coco: coco["annotations"][0].update(category_id=77))
    with pytest.raises(InputError, match=r"b\.json: category 77 'Umbrella' is none of the stated classes"):
        make(dataset, extra_ann_files=["b.json"])


def test_what_is_wrong_with_an_extra_file_names_it_and_its_own_ids(dataset, edit_json):
    content = split_off(dataset, "b.json", 15)

    def rewrite(**change):
        images = [{**image, "id": image["id"] - 15} for image in content["images"]]
        annotations = [{**a, "image_id": a["image_id"] - 15} for a in content["annotations"]]
        images[2].update(change)
        (dataset / "b.json").write_text(json.dumps({**content, "images": images, "annotations": annotations}))

    for change, message in (
        ({"file_name": "train/nowhere.jpg"}, r"/b\.json: image 2: .*train/nowhere\.jpg: no such file"),
        ({"width": 640}, r"/b\.json: image 2: .*train/0017\.jpg: is 128x128, the annotations say 640x128"),
        ({"copies": 0}, r"/b\.json: image 2: has copies 0, an integer from 1 is right"),
    ):
        rewrite(**change)
        with pytest.raises(InputError, match=message):
            make(dataset, extra_ann_files=["b.json"])
    with pytest.raises(InputError, match=r"/none\.json: no such file"):
        make(dataset, extra_ann_files=["none.json"])
    with pytest.raises(InputError, match=r"/p\{fold\}\.json: no fold to put for \{fold\}; --folds-dir and --fold say"):
        make(dataset, extra_ann_files=["p{fold}.json"])


def test_a_box_of_an_extra_file_without_a_mask_is_named_by_its_image(dataset, edit_json):
    split_off(dataset, "b.json", 15)
    edit_json(dataset / "b.json", lambda coco: coco["annotations"][0].pop("segmentation"))
    pipeline = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True, "with_mask": True}]
    with (
        DefaultScope.overwrite_default_scope("mmdet_trash"),
        pytest.raises(InputError, match=r"^\S+/b\.json: a box of train/0015\.jpg has no segmentation"),
    ):
        make(dataset, pipeline=pipeline, extra_ann_files=["b.json"])


def test_a_truncated_image_of_an_extra_file_is_left_out(with_truncated, log):
    content = split_off(with_truncated, "b.json", 15)
    first = json.loads((with_truncated / "train.json").read_text())
    (with_truncated / "train.json").write_text(json.dumps(content))
    (with_truncated / "b.json").write_text(json.dumps(first))
    loaded = make(with_truncated, extra_ann_files=["b.json"])
    assert sorted(info["img_path"][-8:] for info in loaded) == [f"{i:04}.jpg" for i in range(20) if i != 3]
    assert "1 broken images left out" in log[-1]


def test_an_image_with_copies_is_trained_on_as_often_and_tested_once(dataset, edit_json, log):
    def repeat(coco):
        coco["images"][3]["copies"] = 3
        coco["images"][5]["copies"] = 1

    edit_json(dataset / "train.json", repeat)
    loaded = make(dataset)
    assert [info["img_id"] for info in loaded] == [0, 1, 2, 3, 3, 3, *range(4, 20)]
    assert "2 copies of images" in log[-1]
    assert [info["img_id"] for info in make(dataset, test_mode=True)] == list(range(20))


def test_each_copy_is_its_own(dataset, edit_json):
    edit_json(dataset / "train.json", lambda coco: coco["images"][3].update(copies=2))
    first, second = make(dataset, serialize_data=False).data_list[3:5]
    assert first == second
    assert first["instances"]
    first["instances"][0]["bbox"][0] = -1
    first["img_path"] = "elsewhere"
    assert second["instances"][0]["bbox"][0] >= 0
    assert second["img_path"].endswith("0003.jpg")


def test_copies_of_images_without_boxes_are_filtered_too(dataset, edit_json):
    def empty(coco):
        coco["annotations"] = [a for a in coco["annotations"] if a["image_id"] != 3]
        coco["images"][3]["copies"] = coco["images"][4]["copies"] = 4

    edit_json(dataset / "train.json", empty)
    loaded = make(dataset, filter_cfg={"filter_empty_gt": True})
    assert [info["img_id"] for info in loaded] == [0, 1, 2, 4, 4, 4, 4, *range(5, 20)]


@pytest.mark.parametrize("copies", [0, -1, 1.0, "2", True, None])
@pytest.mark.parametrize("test_mode", [False, True])
def test_copies_that_are_no_count_stop(dataset, edit_json, copies, test_mode):
    edit_json(dataset / "train.json", lambda coco: coco["images"][3].update(copies=copies))
    with pytest.raises(InputError, match=r"train\.json: image 3: has copies .*, an integer from 1 is right$"):
        make(dataset, test_mode=test_mode)
