from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.datasets.checks import MIN_SIDE, TOLERANCE, BoxState, clip_box, find_problems
from tests.builders import coco, edited, write_jpeg

SIDES = st.integers(1, 300)
NUMBERS = st.floats(-400, 700) | st.integers(-400, 700)


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
