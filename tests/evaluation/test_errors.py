from typing import Any

import numpy as np
import pytest

from mmdet_trash.evaluation.analysis import Evaluated
from mmdet_trash.evaluation.errors import Kind
from mmdet_trash.predictions import ImageTable, Predictions
from tests.builders import coco, predictions
from tests.evaluation.cases import judged
from tests.evaluation.test_coco import random_case

BOXES = [(image, label, [50 * label, 40 * row, 20, 20]) for image in (0, 1) for label in (0, 1) for row in (0, 1)]
"""Four objects in each of two images, far from each other."""
RIGHT = [(image, label, 0.5, x, y, x + w, y + h) for image, label, (x, y, w, h) in BOXES]
FIRST = (0, 0, 0.99, 0, 0, 20, 20)
PLANTED = {
    "classification": ([(0, 1, 0.9, 0, 0, 20, 20)], [(0, 0, 0.9, 0, 0, 20, 20)]),
    "localization": ([(0, 0, 0.9, 0, 0, 20, 8)], [(0, 0, 0.9, 0, 0, 20, 20)]),
    "both": ([FIRST, (0, 1, 0.9, 0, 0, 20, 8)], [FIRST]),
    "duplicate": ([FIRST, (0, 0, 0.9, 0, 0, 20, 16)], [FIRST]),
    "background": ([FIRST, (0, 0, 0.9, 0, 19, 20, 38)], [FIRST]),
}
"""What is found in the place of the first object's right box, and what that is once mended."""


def of_rows(rows: list[tuple]) -> Predictions:
    return predictions(ImageTable.from_coco(coco(boxes=BOXES)), rows)


def map50(content: dict[str, Any], rows: list[tuple]) -> float:
    return judged(content, of_rows(rows)).stats[1]


def counts_of(found: Evaluated) -> dict[str, int]:
    special = ("false positives", "false negatives")
    return {name: kind.count for name, kind in found.error_kinds().items() if kind.count and name not in special}


def test_nothing_wrong_is_no_error() -> None:
    found = Evaluated(coco(boxes=BOXES), of_rows(RIGHT))
    assert (found.errors.kinds == Kind.RIGHT).all()
    assert counts_of(found) == {}
    assert [kind.cost for kind in found.error_kinds().values()] == pytest.approx([0] * 8)


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_error_is_found_as_itself_and_costs_what_mending_it_gives(kind: str) -> None:
    content, (planted, mended) = coco(boxes=BOXES), PLANTED[kind]
    found = Evaluated(content, of_rows(planted + RIGHT[1:]))
    assert counts_of(found) == {kind: 1}
    wrong = np.flatnonzero(found.errors.kinds != Kind.RIGHT)
    assert [(found.predictions.scores[row], Kind(found.errors.kinds[row]).name.lower()) for row in wrong] == [
        (0.9, kind)
    ]
    cost = map50(content, mended + RIGHT[1:]) - map50(content, planted + RIGHT[1:])
    assert cost > 0.01
    kinds = found.error_kinds()
    assert kinds[kind].cost == pytest.approx(cost, abs=1e-12)
    assert [kinds[name].cost for name in (*PLANTED, "missed") if name != kind] == pytest.approx([0] * 5)
    assert kinds["false positives"].count == 1
    assert kinds["false negatives"].count == len(mended) - len(planted) + 1


def test_a_missed_object_costs_what_it_would_were_it_not_there() -> None:
    content = coco(boxes=BOXES)
    found = Evaluated(content, of_rows(RIGHT[1:]))
    assert counts_of(found) == {"missed": 1}
    assert found.true_boxes.annotations[found.errors.missed].tolist() == [0]
    without = {**content, "annotations": content["annotations"][1:]}
    cost = map50(without, RIGHT[1:]) - map50(content, RIGHT[1:])
    assert cost > 0.01
    for name in ("missed", "false negatives"):
        assert found.error_kinds()[name].cost == pytest.approx(cost, abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "missed", "unfound"),
    [
        # Without its object the second class has nothing at all, and is out of the mean.
        ([], 1 / 2, 1 / 2),
        # Its box in a crowd counts for nothing.
        ([(0, 1, 0.9, 50, 0, 70, 20)], 1 / 2, 1 / 2),
        # A box of it that finds nothing stays, so that the class is of AP 0.
        ([(0, 1, 0.9, 0, 60, 20, 80)], 0, 0),
        # The object is not missed where a box of another class aims at it; but nothing finds it.
        ([(0, 0, 0.4, 0, 30, 20, 50)], 0, 1 / 2),
    ],
    ids=["no box", "in a crowd", "a wrong box", "another class's box"],
)
def test_a_class_with_nothing_left_is_out_of_the_mean(rows: list[tuple], missed: float, unfound: float) -> None:
    """The first class has its object found; of the second there is one object and a crowd."""
    content = coco(images=1, boxes=[(0, 0, [0, 0, 20, 20]), (0, 1, [0, 30, 20, 20]), (0, 1, [50, 0, 20, 20])])
    content["annotations"][2]["iscrowd"] = 1
    boxes = predictions(ImageTable.from_coco(content), [(0, 0, 0.5, 0, 0, 20, 20), *rows])
    kinds = Evaluated(content, boxes).error_kinds()
    assert kinds["missed"].cost == pytest.approx(missed, abs=1e-12)
    assert kinds["false negatives"].cost == pytest.approx(unfound, abs=1e-12)


def test_targets() -> None:
    rows = [FIRST, (0, 1, 0.9, 0, 0, 20, 8), (0, 0, 0.8, 0, 40, 20, 48), (0, 1, 0.7, 50, 40, 70, 60)]
    found = Evaluated(coco(boxes=BOXES), of_rows([*rows, (1, 0, 0.6, 80, 0, 90, 10)]))
    kinds = [Kind(kind).name for kind in found.errors.kinds]
    assert kinds == ["RIGHT", "BOTH", "LOCALIZATION", "RIGHT", "BACKGROUND"]
    assert found.errors.targets.tolist() == [0, 0, 1, 3, -1]
    assert found.errors.unfound.tolist() == [False, True, True, False, True, True, True, True]
    assert found.errors.missed.tolist() == [False, False, True, False, True, True, True, True]


def test_a_crowd_is_no_object() -> None:
    content = coco(boxes=BOXES)
    content["annotations"][0]["iscrowd"] = 1
    # In the crowd; half in it, which is nothing to be near to; on it, of another class.
    rows = [(0, 0, 0.9, 0, 0, 10, 10), (0, 0, 0.8, 0, 13, 20, 33), (0, 1, 0.7, 0, 0, 20, 20)]
    found = Evaluated(content, of_rows(rows + RIGHT[1:]))
    assert found.errors.kinds[:3].tolist() == [Kind.IGNORED, Kind.BACKGROUND, Kind.BACKGROUND]
    assert counts_of(found) == {"background": 2}
    kinds, cost = found.error_kinds(), map50(content, RIGHT[1:]) - map50(content, rows + RIGHT[1:])
    assert cost > 0.01
    assert kinds["background"].cost == pytest.approx(cost, abs=1e-12)
    assert kinds["localization"].cost == pytest.approx(0)


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_hotcocos(seed: int) -> None:
    content, found = random_case(seed)
    content["annotations"] = [a for a in content["annotations"] if not a["iscrowd"]]
    theirs = judged(content, found, "hotcoco").tide_errors()["counts"]
    ours = Evaluated(content, found).error_kinds()
    names = ("classification", "localization", "both", "duplicate", "background", "missed")
    assert [ours[name].count for name in names] == [
        theirs[key] for key in ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")
    ]
    assert ours["localization"].count > 5 and ours["background"].count > 5
