import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import Predictions, read
from mmdet_trash.predictions import coco_results as module
from mmdet_trash.predictions.precision import xyxy_of
from tests.builders import SCALARS, float32s, table
from tests.predictions.mangled import mangled

IMAGES = table(("test/0000.jpg", "test/0001.jpg", "test/0002.jpg"), categories=(1, 5, 90))
GOOD: list[dict[str, Any]] = [
    {"image_id": 27, "category_id": 90, "bbox": [1, 2.5, 30, 40], "score": 0.5},
    {"image_id": 7, "category_id": 1, "bbox": [0, 0, 100, 80], "score": 1},
    {"image_id": 27, "category_id": 5, "bbox": [3, 4, 5, 6], "score": 0.25},
]
FOUND = [(0, 0, 1.0, 0, 0, 100, 80), (2, 2, 0.5, 1, 2.5, 31, 42.5), (2, 1, 0.25, 3, 4, 8, 10)]


def rows_of(found: Predictions) -> list[tuple]:
    columns = (found.image_index, found.labels, found.scores, *found.bboxes.T)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def with_all(**extra: Any) -> str:
    return json.dumps([{**entry, **extra} for entry in GOOD])


SAME = {
    "as Python writes it": json.dumps(GOOD),
    "compact": json.dumps(GOOD, separators=(",", ":")),
    "indented": json.dumps(GOOD, indent=2),
    "with a newline at the end": json.dumps(GOOD) + "\n",
    "with a byte order mark": "\ufeff" + json.dumps(GOOD),
    "with what COCO adds": with_all(area=1200.0, id=3, iscrowd=0),
    "with masks": with_all(segmentation={"size": [80, 100], "counts": "a}, {b"}),
    "with lists of objects": with_all(parts=[{"a": 1}, {"b": 2}]),
    "with true and false": with_all(checked=True, seen=False),
    "ids as floats": json.dumps(GOOD).replace("27,", "27.0,").replace("90,", "90.0,"),
}


@pytest.mark.parametrize("name", SAME)
def test_entries_become_rows_joined_by_image_id(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(SAME[name])
    reading = read(path, IMAGES)
    assert rows_of(reading.predictions) == FOUND
    assert (reading.notes, reading.listed.tolist()) == ((), [True, False, True])


@pytest.mark.parametrize("name", ["as Python writes it", "compact", "indented", "with what COCO adds", "with masks"])
def test_good_files_are_read_without_a_loop_over_their_entries(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_read_entries", lambda path: pytest.fail("a loop"))
    (tmp_path / "a.json").write_text(SAME[name])
    assert len(read(tmp_path / "a.json", IMAGES).predictions) == 3


def test_no_entry_is_no_detection(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    reading = read(tmp_path / "a.json", IMAGES)
    assert (len(reading.predictions), reading.listed.any()) == (0, False)


def test_what_a_box_should_not_be_is_noted(tmp_path: Path) -> None:
    wrong = [{**GOOD[0], "bbox": [90, 1, 20, 5]}, {**GOOD[0], "bbox": [9, 1, 0, 5]}, {**GOOD[0], "score": 1.25}]
    (tmp_path / "a.json").write_text(json.dumps([GOOD[0], *wrong]))
    assert list(read(tmp_path / "a.json", IMAGES).notes) == [
        "boxes that reach outside their image: 1, first entry at position 1",
        "boxes without area (x2 <= x1 or y2 <= y1): 1, first entry at position 2",
        "scores outside 0 to 1: 1, first entry at position 3 (1.25)",
    ]


BOX = "[x, y, width, height] as four finite numbers is right"
KEYS = "image_id, category_id, bbox, score are right"
WRONG = {
    "unknown image": ({"image_id": 8}, "image_id 8 is no image of the annotation file"),
    "unknown category": ({"category_id": 2}, "category_id 2 is no category of the annotation file"),
    "half an id": ({"image_id": 7.5}, "has image_id 7.5, an integer is right"),
    "an id of 70 bits": ({"image_id": 2**70}, "has image_id 1180591620717411303424, an integer is right"),
    "a large id": ({"image_id": 2**60 + 1}, "image_id 1152921504606846977 is no image of the annotation file"),
    "an id that is true": ({"category_id": True}, "has category_id True, an integer is right"),
    "an id in quotes": ({"image_id": "27"}, "has image_id '27', an integer is right"),
    "three numbers": ({"bbox": [1, 2, 3]}, f"has bbox [1, 2, 3], {BOX}"),
    "no list": ({"bbox": 5}, f"has bbox 5, {BOX}"),
    "null in a box": ({"bbox": [1, 2, 3, None]}, f"has bbox [1, 2, 3, None], {BOX}"),
    "true in a box": ({"bbox": [1, 2, 3, True]}, f"has bbox [1, 2, 3, True], {BOX}"),
    "NaN in a box": ({"bbox": [1, 2, 3, float("nan")]}, f"has bbox [1, 2, 3, nan], {BOX}"),
    "a box without end": ({"bbox": [1.7e308, 2, 1.7e308, 4]}, "bbox [1.7e+308, 2.0, 1.7e+308, 4.0] ends beyond the"),
    "no number": ({"score": "0.5"}, "has score '0.5', a finite number is right"),
    "null": ({"score": None}, "has score None, a finite number is right"),
    "infinity": ({"score": float("inf")}, "has score inf, a finite number is right"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_names_the_entry(tmp_path: Path, name: str) -> None:
    change, message = WRONG[name]
    path = tmp_path / "a.json"
    path.write_text(json.dumps([*GOOD, {**GOOD[0], **change}]))
    with pytest.raises(InputError) as error:
        read(path, IMAGES)
    assert str(error.value).startswith(f"{path}: entry at position 3: {message}")


@pytest.mark.parametrize("key", ["image_id", "category_id", "bbox", "score"])
def test_a_missing_key_names_the_entry(tmp_path: Path, key: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([GOOD[0], {name: value for name, value in GOOD[1].items() if name != key}]))
    with pytest.raises(InputError) as error:
        read(path, IMAGES)
    assert str(error.value) == f"{path}: entry at position 1: has no {key}; {KEYS}"


LAYOUT = {
    "an object": ('{"annotations": []}', "is no COCO results file: a list of objects with image_id, category_id, bbox"),
    "a number for an entry": ("[7]", "entry at position 0: is 7, an object with image_id, category_id, bbox, score"),
    "null for an entry": ("[null]", "entry at position 0: is None, an object with"),
    "cut short": (json.dumps(GOOD)[:-20], "not whole JSON: "),
    "nothing": ("", "not whole JSON: "),
    "a comma too few": (json.dumps(GOOD).replace("}, {", "} {"), "not whole JSON: "),
    "lines instead of a list": ("\n".join(map(json.dumps, GOOD)), "not whole JSON: "),
}


@pytest.mark.parametrize("name", LAYOUT)
def test_what_is_no_results_file_is_one_line(tmp_path: Path, name: str) -> None:
    text, message = LAYOUT[name]
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read(path, IMAGES)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file$"):
        read(tmp_path / "none.json", IMAGES)
    (tmp_path / "a.json").mkdir()
    with pytest.raises(InputError, match=r"a.json: is a folder, a JSON file is expected$"):
        read(tmp_path / "a.json", IMAGES)


def read_both_ways(path: Path) -> list[Any]:
    """The columns as the fast way reads them, or None, and as the careful one does, or its message."""
    ways: list[Any] = [module._read_columns(path.read_bytes())]
    try:
        ways.append(module._read_entries(path))
    except InputError as error:
        ways.append(str(error))
    return ways


@given(
    st.integers(0, 2),
    st.sampled_from(["image_id", "category_id", "bbox", "score", "area", "repeat"]),
    SCALARS | st.lists(SCALARS, min_size=3, max_size=5),
)
def test_the_fast_way_takes_only_what_the_careful_way_takes(
    tmp_path_factory: pytest.TempPathFactory, entry: int, key: str, value: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "ways.json"
    content = [dict(good) for good in GOOD]
    content[entry][key] = value
    path.write_text(json.dumps(content))
    fast, careful = read_both_ways(path)
    if fast is not None:
        assert not isinstance(careful, str), careful
        assert all(np.array_equal(a, b) for a, b in zip(fast, careful, strict=True))


@given(st.randoms(use_true_random=False))
def test_any_damage_ends_in_predictions_or_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_bytes(mangled(json.dumps(GOOD).encode(), rng))
    try:
        read(path, IMAGES)
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


@given(st.lists(st.tuples(*[float32s(-3.4e38, 3.4e38) | float32s(-10, 2000)] * 4), min_size=1))
def test_float32_corners_survive_width_and_height(corners: list[tuple]) -> None:
    bboxes = np.array(corners)
    boxes_xywh = bboxes.copy()
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    back = xyxy_of(boxes_xywh)
    for (x1, y1, x2, y2), (_, _, width, height), found in zip(corners, boxes_xywh.tolist(), back.tolist(), strict=True):
        assert found[:2] == [x1, y1]
        for start, end, extent, corner in ((x1, x2, width, found[2]), (y1, y2, height, found[3])):
            # A width that has every bit, or a corner that outweighs what the width left out.
            if Fraction(end) - Fraction(start) == Fraction(extent) or abs(end) >= abs(start):
                assert corner == end


def test_a_float32_corner_survives_beside_one_of_other_digits() -> None:
    rng = np.random.default_rng(0)
    start = np.round(rng.random((1000, 2)) * -900, 3)
    end = (rng.random((1000, 2)) * 2000).astype(np.float32).astype(np.float64)
    boxes_xywh = np.hstack([start, end - start])
    assert ((start + boxes_xywh[:, 2:]) != end).any(), "a plain sum misses some"
    np.testing.assert_array_equal(xyxy_of(boxes_xywh), np.hstack([start, end]))


def test_corners_of_double_precision_are_not_rounded() -> None:
    boxes_xywh = np.array([[0.1, 0.2, 0.7, 1000.3]])
    assert xyxy_of(boxes_xywh).tolist() == [[0.1, 0.2, 0.1 + 0.7, 0.2 + 1000.3]]
