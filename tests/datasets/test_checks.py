import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.annotations import find_contradictions
from mmdet_trash.datasets.checks import MIN_SIDE, TOLERANCE, BoxState, clip_box, find_problems, repair
from mmdet_trash.errors import InputError
from tests.builders import JSON_VALUES, broken_coco, coco, edited, write_jpeg

SIDES = st.integers(1, 300)
NUMBERS = st.floats(-400, 700) | st.integers(-400, 700)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images of 100x80 pixels under `train/`."""
    folder = tmp_path_factory.mktemp("checks")
    for index in range(4):
        write_jpeg(folder / "train" / f"{index:04}.jpg")
    return folder


@given(box=st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), width=SIDES, height=SIDES)
def test_a_clipped_box_is_inside_no_larger_and_clipped_once_for_all(box: tuple, width: int, height: int) -> None:
    x, y, w, h = box
    (x1, y1, x2, y2), state = clip_box([x, y, w, h], width, height)
    if state in (BoxState.TINY, BoxState.OUTSIDE):
        # There is no pixel of the box in the image, or the box is none.
        assert min(w, h) < MIN_SIDE or min(x + w, width) - max(x, 0) < MIN_SIDE or min(y + h, height) - max(y, 0) < 1
        return
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height
    assert x1 >= x and y1 >= y and x2 <= x + w and y2 <= y + h
    assert x2 - x1 >= MIN_SIDE and y2 - y1 >= MIN_SIDE
    again, _ = clip_box([x1, y1, x2 - x1, y2 - y1], width, height)
    assert again == pytest.approx([x1, y1, x2, y2], abs=1e-9)
    if state is BoxState.FINE:
        assert [x1, y1, x2, y2] == pytest.approx([x, y, x + w, y + h], abs=TOLERANCE + 1e-9)


@pytest.mark.parametrize(
    ("box", "state"),
    [
        ([0, 0, 100, 80], BoxState.FINE),
        ([-1, -1, 102, 82], BoxState.FINE),  # a pixel over is rounding
        ([-1.5, 0, 50, 50], BoxState.CLIPPED),
        ([60, 70, 30, 11.5], BoxState.CLIPPED),
        ([10, 10, 0.7, 0.8], BoxState.TINY),  # the competition's annotation 5159
        ([10, 10, -5, 8], BoxState.TINY),
        ([99.5, 10, 20, 20], BoxState.OUTSIDE),
        ([-30, -30, 20, 20], BoxState.OUTSIDE),
    ],
)
def test_what_becomes_of_a_box(box: list[float], state: BoxState) -> None:
    assert clip_box(box, 100, 80)[1] is state


def kinds(problems: list) -> list[tuple[str, str, bool]]:
    return [(problem.kind, problem.where, problem.fatal) for problem in problems]


def test_nothing_wrong(root: Path) -> None:
    assert find_problems(coco(images=4), root / "train.json", root) == []


def test_quirks_are_named_and_stop_nothing() -> None:
    boxes = [
        (0, 0, [10, 10, 0.7, 0.8]),
        (0, 0, [90, 10, 30, 20]),
        (0, 0, [200, 10, 30, 20]),
        (0, 0, [10, 10, 30, 20]),
        (0, 0, [10, 10, 30, 20]),
        (0, 1, [10, 10, 30, 20]),  # another class: no repetition
        (1, 0, [10, 10, 30, 20]),  # another image: no repetition
    ]
    content = coco(boxes=boxes)
    content["annotations"][6]["iscrowd"] = 1
    problems = find_problems(content, Path("train.json"))
    assert kinds(problems) == [
        ("box under a pixel dropped", "annotation 0", False),
        ("box clipped to the image", "annotation 1", False),
        ("box outside the image dropped", "annotation 2", False),
        ("repeated box", "annotation 4", False),
        ("crowd", "annotation 6", False),
    ]
    assert str(problems[1]) == "annotation 1: bbox [90, 10, 30, 20] in an image of 100x80"
    assert str(problems[3]) == "annotation 4: repeats annotation 3: same image, class and bbox"


def test_images_are_compared_with_their_files_and_fatal_problems_come_first(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "train" / "0000.jpg", 64, 48)
    whole = write_jpeg(tmp_path / "train" / "0001.jpg").read_bytes()
    (tmp_path / "train" / "0001.jpg").write_bytes(whole[: len(whole) // 2])
    write_jpeg(tmp_path / "train" / "0003.jpg", 80, 100, orientation=6)
    content = coco(images=4, boxes=[(0, 0, [90, 10, 30, 20])])
    problems = find_problems(content, tmp_path / "train.json", tmp_path)
    assert kinds(problems) == [
        ("image size", "image 0", True),
        ("missing image", "image 2", True),
        ("box clipped to the image", "annotation 0", False),
        ("broken image", "image 1", False),
    ]
    assert problems[0].what == f"{tmp_path}/train/0000.jpg: is 64x48, the annotations say 100x80"
    assert problems[1].what == f"{tmp_path}/train/0002.jpg: no such file"


def test_contradictions_are_told_alone() -> None:
    content = edited(lambda c: c["annotations"][0].update(bbox=None), boxes=[(0, 0, [0, 0, 900, 900])])
    assert kinds(find_problems(content, Path("train.json"), Path("nowhere"))) == [("box", "annotation 0", True)]


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
