import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.annotations import find_contradictions
from mmdet_trash.datasets.checks import find_problems
from mmdet_trash.datasets.repair import repair
from mmdet_trash.errors import InputError
from tests.builders import JSON_VALUES, broken_coco, coco, edited

REPAIRS = {
    "text to numbers": (
        lambda c: c["annotations"][0].update(bbox=["10", "1e1", 30, "20.5"]),
        lambda c: c["annotations"][0].update(bbox=[10.0, 10.0, 30, 20.5], area=615.0),
        "boxes written as text made numbers",
    ),
    "clipped": (
        lambda c: c["annotations"][0].update(bbox=[-10, 70, 30, 20]),
        lambda c: c["annotations"][0].update(bbox=[0.0, 70, 20.0, 10.0], area=200.0),
        "boxes clipped to the image",
    ),
    "too small": (
        lambda c: c["annotations"][0].update(bbox=[1, 1, 0.5, 9]),
        lambda c: c["annotations"].pop(0),
        "boxes under a pixel dropped",
    ),
    "outside": (
        lambda c: c["annotations"][0].update(bbox=[500, 1, 5, 9]),
        lambda c: c["annotations"].pop(0),
        "boxes outside the image dropped",
    ),
    "no box": (
        lambda c: c["annotations"][0].update(bbox=[1, 2, float("nan"), 4]),
        lambda c: c["annotations"].pop(0),
        "boxes that are no four numbers dropped",
    ),
    "repeated": (
        lambda c: c["annotations"].append({**c["annotations"][0], "id": 9}),
        lambda c: None,
        "repeated boxes dropped",
    ),
    "dangling": (
        lambda c: c["annotations"][0].update(image_id=77),
        lambda c: c["annotations"].pop(0),
        "boxes of unknown or dropped images or classes dropped",
    ),
    "unreadable crowd flag": (
        lambda c: c["annotations"][0].update(iscrowd="yes"),
        lambda c: c["annotations"].pop(0),
        "boxes whose iscrowd is neither 0 nor 1 dropped",
    ),
    "unreadable area": (
        lambda c: c["annotations"][0].update(area=None),
        lambda c: None,
        None,
    ),
    "no mask": (
        lambda c: c["annotations"][0].update(segmentation=[[1, 2, 3, 4]]),
        lambda c: None,
        "segmentations that are no masks dropped",
    ),
    "mask over the border": (
        lambda c: c["annotations"][0].update(segmentation=[[-10, 2, 30, 400, 5, 6]]),
        lambda c: c["annotations"][0].update(segmentation=[[-10, 2, 30, 400, 5, 6]]),
        None,
    ),
    "id twice": (
        lambda c: c["annotations"][1].update(id=0),
        lambda c: c["annotations"][1].update(id=1),
        "annotation ids renumbered",
    ),
    "id missing": (
        lambda c: (c["annotations"][0].update(id=1), c["annotations"][1].pop("id")),
        lambda c: (c["annotations"][0].update(id=1), c["annotations"][1].update(id=2)),
        "annotation ids renumbered",
    ),
    "image size": (
        lambda c: c["images"][1].update(width=101, height="80"),
        lambda c: None,
        "image sizes taken from the files",
    ),
    "missing image": (
        lambda c: c["images"][1].update(file_name="train/9.jpg"),
        lambda c: (c["images"].pop(1), c["annotations"].pop(1)),
        "missing or broken images dropped",
    ),
    "image twice": (
        lambda c: c["images"].append({**c["images"][0], "id": 50}),
        lambda c: None,
        "images listed twice dropped",
    ),
    "image without id": (
        lambda c: c["images"][1].pop("id"),
        lambda c: (c["images"].pop(1), c["annotations"].pop(1)),
        "images without id or name dropped",
    ),
    "category twice": (
        lambda c: c["categories"].append({"id": 5, "name": "class 0"}),
        lambda c: None,
        "categories listed twice dropped",
    ),
    "category without name": (
        lambda c: c["categories"][1].pop("name"),
        lambda c: (c["categories"].pop(1), c["annotations"].pop(1)),
        "categories without id or name dropped",
    ),
}


@pytest.mark.parametrize("name", REPAIRS)
def test_what_is_mended_and_what_is_dropped(root: Path, name: str) -> None:
    change, expected, done = REPAIRS[name]
    broken = edited(change)
    before = json.dumps(broken)
    fixed, counts = repair(broken, root / "train.json", root)
    assert fixed == edited(expected)
    assert json.dumps(broken) == before
    assert done is None or counts[done] == 1
    assert find_problems(fixed, root / "train.json", root) == []


def test_a_sound_file_is_left_as_it_is(root: Path) -> None:
    assert repair(coco(), root / "train.json", root) == (coco(), {})


@pytest.mark.parametrize(
    "content", [[], {"images": 3}, {"images": [], "annotations": [1]}, {"images": [], "categories": [{"id": 1}]}]
)
def test_what_is_no_coco_file_is_not_repaired(content: object, root: Path) -> None:
    with pytest.raises(InputError, match=r"^train.json: cannot be repaired: "):
        repair(content, Path("train.json"), root)


def repaired_or_refused(content: object, root: Path) -> None:
    try:
        fixed, _ = repair(content, root / "train.json", root)
    except InputError:
        assert any(
            problem.kind in ("layout", "category id", "category name") for problem in find_contradictions(content)
        )
    else:
        assert [problem for problem in find_problems(fixed, root / "train.json", root) if problem.fatal] == []
        assert repair(fixed, root / "train.json", root)[0] == fixed


@given(content=broken_coco())
def test_a_repaired_file_has_nothing_fatal_and_nothing_to_mend(content: dict, root: Path) -> None:
    repaired_or_refused(content, root)


@given(content=JSON_VALUES | st.fixed_dictionaries({"images": JSON_VALUES, "annotations": JSON_VALUES}))
def test_any_json_is_repaired_or_refused(content: object, root: Path) -> None:
    repaired_or_refused(content, root)
