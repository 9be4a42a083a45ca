import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.annotations import class_names, find_contradictions, load_annotations
from mmdet_trash.classes import CLASSES, PALETTE
from mmdet_trash.errors import InputError
from tests.builders import JSON_VALUES, broken_coco, coco, edited, write_json


def test_a_valid_file_is_returned_as_it_is(tmp_path: Path) -> None:
    content = coco()
    assert load_annotations(write_json(tmp_path / "train.json", content)) == content


@pytest.mark.parametrize(
    "mask",
    [
        None,
        [],
        [[1, 2, 3, 4, 5.5, 6]],
        [[-1, 2, 300, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7, 8]],
        {"size": [80, 100], "counts": [5, 7995]},
        {"size": [80, 100], "counts": "PPYo1"},
    ],
)
def test_masks_are_polygons_runs_or_none(tmp_path: Path, mask: Any) -> None:
    content = edited(put("annotations", "segmentation", mask))
    assert load_annotations(write_json(tmp_path / "train.json", content)) == content


@pytest.mark.parametrize("left_out", [["annotations"], ["categories", "annotations"]])
def test_a_test_set_may_lack_annotations_and_categories(tmp_path: Path, left_out: list[str]) -> None:
    content = {key: value for key, value in coco().items() if key not in left_out}
    loaded = load_annotations(write_json(tmp_path / "test.json", content))
    assert loaded["annotations"] == []
    assert class_names(loaded) == (CLASSES if "categories" in left_out else ("class 0", "class 1"))


def test_the_classes_are_the_competitions() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == len(PALETTE) == len(set(PALETTE)) == 10
    assert (CLASSES[0], CLASSES[6], CLASSES[9]) == ("General trash", "Styrofoam", "Clothing")


def test_a_classs_label_is_its_place_among_the_category_ids() -> None:
    categories = [{"id": 7, "name": "c"}, {"id": 1, "name": "a"}, {"id": 3, "name": "b"}]
    assert class_names({"categories": categories}) == ("a", "b", "c")


def put(part: str, key: str, value: Any) -> Callable[[dict], None]:
    """Set a key of the second entry of a part."""
    return lambda content: content[part][1].update({key: value})


def take(part: str, key: str) -> Callable[[dict], None]:
    return lambda content: content[part][1].pop(key)


WRONG = {
    "no object": (lambda c: c.clear(), 'the file: is not COCO: an object with a list "images" is expected'),
    "images no list": (lambda c: c.update(images={}), 'the file: is not COCO: an object with a list "images"'),
    "annotations no list": (lambda c: c.update(annotations="many"), "annotations: is not a list"),
    "an entry no object": (lambda c: c["annotations"].append(5), "annotations[2]: is 5, an object is expected"),
    "boxes as text": (
        put("annotations", "bbox", ["1", "2", "3", "4"]),
        "annotation 1: has bbox ['1', '2', '3', '4'], [x, y, width, height] as four finite numbers is right",
    ),
    "three numbers": (put("annotations", "bbox", [1, 2, 3]), "annotation 1: has bbox [1, 2, 3], [x, y, width, heigh"),
    "NaN": (put("annotations", "bbox", [1, float("nan"), 3, 4]), "annotation 1: has bbox [1, nan, 3, 4], [x, y"),
    "infinity": (put("annotations", "bbox", [1, 2, float("inf"), 4]), "annotation 1: has bbox [1, 2, inf, 4], [x, y"),
    "beyond a float": (put("annotations", "bbox", [1, 2, 10**400, 4]), "annotation 1: has bbox [1, 2, 1000"),
    "true in a box": (put("annotations", "bbox", [1, 2, True, 4]), "annotation 1: has bbox [1, 2, True, 4], [x, y"),
    "no box": (take("annotations", "bbox"), "annotation 1: has bbox None, [x, y, width, height]"),
    "area as text": (put("annotations", "area", "9"), "annotation 1: has area '9', a finite number or none is right"),
    "crowd as text": (put("annotations", "iscrowd", "0"), "annotation 1: has iscrowd '0', 0 or 1 is right"),
    "mask as text": (
        put("annotations", "segmentation", "none"),
        "annotation 1: has segmentation 'none', a list of polygons or an RLE is right",
    ),
    "odd polygon": (
        put("annotations", "segmentation", [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]]),
        "annotation 1: has 7 numbers for polygon 1 of its segmentation, [x, y, x, y, x, y, …] as finite numbers is r",
    ),
    "polygon of two points": (
        put("annotations", "segmentation", [[1, 2, 3, 4]]),
        "annotation 1: has 4 numbers for polygon 0 of its segmentation, [x, y, x, y, x, y, …] as finite numbers is r",
    ),
    "one flat polygon": (
        put("annotations", "segmentation", [1.5, 2, 3, 4, 5, 6]),
        "annotation 1: has 1.5 for polygon 0 of its segmentation, [x, y, x, y, x, y, …] as finite numbers is right",
    ),
    "NaN in a polygon": (
        put("annotations", "segmentation", [[1, 2, 3, 4, 5, 6, 7, float("nan")]]),
        "annotation 1: has nan for polygon 0 of its segmentation, [x, y, x, y, x, y, …] as finite numbers is right",
    ),
    "text in a polygon": (
        put("annotations", "segmentation", [[1, 2, 3, 4, "5", 6]]),
        "annotation 1: has '5' for polygon 0 of its segmentation, [x, y, x, y, x, y, …] as finite numbers is right",
    ),
    "RLE of another image": (
        put("annotations", "segmentation", {"size": [100, 80], "counts": "PPYo1"}),
        "annotation 1: has size [100, 80] and counts 'PPYo1' in its segmentation, [80, 100] and text or runs of so",
    ),
    "RLE too short": (
        put("annotations", "segmentation", {"size": [80, 100], "counts": [5, 7990]}),
        "annotation 1: has size [80, 100] and counts [5, 7990] in its segmentation, [80, 100] and text or runs of so",
    ),
    "RLE without counts": (
        put("annotations", "segmentation", {"size": [80, 100]}),
        "annotation 1: has size [80, 100] and counts None in its segmentation, [80, 100] and text or runs of so many",
    ),
    "annotation twice": (put("annotations", "id", 0), "annotation 0: this id stands more than once"),
    "annotation without id": (take("annotations", "id"), "annotation at position 1: has id None, an integer is right"),
    "unknown image": (put("annotations", "image_id", 9), "annotation 1: image_id 9 is no image of this file"),
    "image id a list": (put("annotations", "image_id", [1]), "annotation 1: image_id [1] is no image of this file"),
    "image id as text": (put("annotations", "image_id", "1"), "annotation 1: image_id '1' is no image of this file"),
    "image id true": (put("annotations", "image_id", True), "annotation 1: image_id True is no image of this file"),
    "unknown category": (
        put("annotations", "category_id", 10),
        "annotation 1: category_id 10 is no category of this file: 0, 1",
    ),
    "category id an object": (put("annotations", "category_id", {}), "annotation 1: category_id {} is no category"),
    "image twice": (put("images", "id", 0), "image 0: this id stands more than once"),
    "image id beyond 64 bits": (put("images", "id", 2**63), f"image at position 1: has id {2**63}, an integer is"),
    "file listed twice": (
        put("images", "file_name", "train/0000.jpg"),
        "image 1: file_name 'train/0000.jpg' stands more than once",
    ),
    "no file name": (take("images", "file_name"), "image 1: has file_name None, text is right"),
    "no width": (take("images", "width"), "image 1: has width None, a positive integer is right"),
    "no height": (put("images", "height", 0), "image 1: has height 0, a positive integer is right"),
    "category twice": (put("categories", "id", 0), "category 0: this id stands more than once"),
    "category id as text": (put("categories", "id", "1"), "category at position 1: has id '1', an integer is right"),
    "class name twice": (put("categories", "name", "class 0"), "category 1: name 'class 0' stands more than once"),
    "no class name": (put("categories", "name", ""), "category 1: has name '', text is right"),
    "categories missing": (
        lambda c: (c.pop("categories"), c["annotations"][1].update(category_id=11)),
        "annotation 1: category_id 11 is no category of this file: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_message_names_the_file_the_id_and_what_is_right(tmp_path: Path, name: str) -> None:
    change, message = WRONG[name]
    path = write_json(tmp_path / "train.json", edited(change))
    with pytest.raises(InputError) as error:
        load_annotations(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [[], 3, "text", None, {"annotations": []}])
def test_a_file_of_another_layout(tmp_path: Path, content: Any) -> None:
    path = write_json(tmp_path / "train.json", content)
    with pytest.raises(InputError, match=r'the file: is not COCO: an object with a list "images" is expected$'):
        load_annotations(path)


def test_all_problems_are_counted_and_the_first_is_told(tmp_path: Path) -> None:
    content = coco()
    for annotation in content["annotations"]:
        annotation.update(image_id=5, category_id=5)
    with pytest.raises(
        InputError, match=r"annotation 0: image_id 5 .* \(and 3 more; tools/check_data.py lists them\)$"
    ):
        load_annotations(write_json(tmp_path / "train.json", content))


def test_many_categories_are_not_all_listed(tmp_path: Path) -> None:
    content = coco(categories=tuple(range(100)), boxes=[(0, 100, [1, 2, 3, 4])])
    with pytest.raises(InputError, match=r"file: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …$"):
        load_annotations(write_json(tmp_path / "train.json", content))


@given(
    JSON_VALUES | st.fixed_dictionaries({"images": JSON_VALUES, "annotations": JSON_VALUES, "categories": JSON_VALUES})
)
def test_any_json_is_either_coco_or_has_its_faults_named(content: Any) -> None:
    problems = list(find_contradictions(content))
    assert problems or isinstance(content["images"], list)
    assert all(problem.fatal and problem.where and problem.what for problem in problems)


@given(content=broken_coco())
def test_any_broken_file_is_refused_or_loaded(tmp_path_factory: pytest.TempPathFactory, content: dict) -> None:
    path = write_json(tmp_path_factory.getbasetemp() / "broken.json", content)
    try:
        loaded = load_annotations(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert json.loads(path.read_text()).items() <= loaded.items()
