import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmdet_trash.annotations import load_annotations
from mmdet_trash.errors import InputError
from mmdet_trash.evaluation import evaluate_coco
from mmdet_trash.evaluation.analysis import Evaluated, difference
from mmdet_trash.evaluation.coco import SUMMARY
from mmdet_trash.predictions import ImageTable, Predictions, from_annotations, read_submission
from tests.builders import coco, predictions
from tests.evaluation.cases import judged
from tests.evaluation.test_coco import as_tuple, random_case

HAND = coco(
    images=3,
    categories=(0, 1, 2),
    boxes=[
        (0, 0, [0, 0, 20, 20]),
        (0, 0, [50, 50, 20, 20]),
        (0, 1, [0, 50, 20, 20]),
        (1, 1, [0, 0, 20, 20]),
        (1, 0, [40, 0, 60, 80]),
    ],
)
HAND["annotations"][4]["iscrowd"] = 1
ROWS = [
    (0, 0, 0.9, 0, 0, 20, 20),  # right
    (0, 0, 0.7, 0, 0, 20, 16),  # the same again
    (0, 0, 0.7, 50, 50, 70, 70),  # right
    (0, 1, 0.6, 50, 50, 70, 65),  # another's place
    (0, 1, 0.3, 0, 50, 20, 70),  # right
    (1, 0, 0.8, 50, 10, 60, 20),  # in the crowd
    (1, 2, 0.5, 0, 0, 20, 20),  # of a class that is nowhere, in the place of an object
    (2, 1, 0.2, 0, 0, 20, 20),  # nothing there
]
"""Two objects each of two classes and a crowd, no object of the third; the third image is empty."""


@pytest.fixture(scope="module")
def hand() -> Evaluated:
    return Evaluated(HAND, predictions(ImageTable.from_coco(HAND), ROWS))


@pytest.mark.parametrize("seed", range(3))
def test_figures_and_curves_are_pycocotools(seed: int) -> None:
    content, found = random_case(seed)
    theirs, ours = judged(content, found), Evaluated(content, found)
    assert as_tuple(ours.metrics) == as_tuple(evaluate_coco(content, found, "pycocotools"))

    curves = ours.pr_curves()
    expected = theirs.eval["precision"][0, :, :, 0, 2].T
    np.testing.assert_array_equal(curves.precision, np.where(expected < 0, np.nan, expected))
    assert np.isnan(curves.precision).all(axis=1).tolist() == [False] * 4 + [True]
    np.testing.assert_array_equal(curves.recall, theirs.params.recThrs)

    sizes = ours.by_size()
    precision = theirs.eval["precision"][0, ..., 2]
    for area, (name, size) in enumerate(sizes.items(), start=1):
        assert (size.ap, size.ar) == (theirs.stats[2 + area], theirs.stats[8 + area])
        assert size.ap50 == pytest.approx(precision[..., area][precision[..., area] >= 0].mean(), abs=1e-12)
        assert name[0] == SUMMARY[2 + area][-1]
    assert sum(size.boxes for size in sizes.values()) == sum(not a["iscrowd"] for a in content["annotations"])


@pytest.mark.parametrize("seed", range(2))
def test_slices_are_what_the_images_alone_give(seed: int) -> None:
    content, found = random_case(seed)
    some = np.arange(len(found.images)) % 3 == 0
    result = Evaluated(content, found).by_images(
        {"some": some, "others": np.flatnonzero(~some), "none": ~(some | True)}
    )
    for name, inside in (("some", some), ("others", ~some)):
        ids = found.images.ids[inside].tolist()
        alone = {**content, "images": [image for image in content["images"] if image["id"] in ids]}
        expected = evaluate_coco(content, found.over(ImageTable.from_coco(alone)), "pycocotools").summary
        assert result[name].summary == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert next(iter(result[name].summary)) == "mAP50"
        assert result[name].images == len(ids)
        assert result[name].boxes == sum(a["image_id"] in ids and not a["iscrowd"] for a in content["annotations"])
    assert (result["none"].images, result["none"].boxes) == (0, 0)
    assert all(map(math.isnan, result["none"].summary.values()))


def test_confidence_curves_counted_by_hand(hand: Evaluated) -> None:
    curves = hand.confidence_curves((0, 0.25, 0.4, 0.7, 0.75, 0.95))
    np.testing.assert_allclose(curves.precision, [3 / 7, 3 / 6, 2 / 5, 2 / 3, 1, np.nan])
    np.testing.assert_allclose(curves.recall, [3 / 4, 3 / 4, 2 / 4, 2 / 4, 1 / 4, 0])
    np.testing.assert_allclose(curves.f1, [6 / 11, 6 / 10, 4 / 9, 4 / 7, 2 / 5, 0])
    np.testing.assert_allclose(
        curves.class_precision,
        [[2 / 3, 2 / 3, 2 / 3, 2 / 3, 1, np.nan], [1 / 3, 1 / 2, 0, *[np.nan] * 3], [0, 0, 0, *[np.nan] * 3]],
    )
    np.testing.assert_allclose(curves.class_recall, [[1, 1, 1, 1, 0.5, 0], [0.5, 0.5, 0, 0, 0, 0], [np.nan] * 6])
    np.testing.assert_allclose(
        curves.class_f1, [[0.8, 0.8, 0.8, 0.8, 2 / 3, 0], [2 / 5, 2 / 4, 0, 0, 0, 0], [np.nan] * 6]
    )
    assert curves.best == 0.25
    np.testing.assert_array_equal(curves.class_best, [0, 0.25, np.nan])


def test_confusion_counted_by_hand(hand: Evaluated) -> None:
    expected = {
        # Of the first class both are right; the second of each place, and what is of another class there, finds none.
        0.1: [[2, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [1, 2, 0, 0]],
        0.5: [[2, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]],
        0.6: [[2, 0, 0, 0], [0, 0, 0, 2], [0, 0, 0, 0], [1, 1, 0, 0]],
        0.95: [[0, 0, 0, 2], [0, 0, 0, 2], [0, 0, 0, 0], [0, 0, 0, 0]],
    }
    for score_thr, matrix in expected.items():
        assert hand.confusion(score_thr).tolist() == matrix
    # The box that takes the second object away has three quarters of it, and comes first when it is the surer one.
    rows = [*ROWS[:2], (0, 1, 0.95, 50, 50, 70, 65), *ROWS[2:3]]
    surer = Evaluated(HAND, predictions(ImageTable.from_coco(HAND), rows))
    assert surer.confusion(0.5)[0].tolist() == [1, 1, 0, 0]
    assert surer.confusion(0.5, iou_thr=0.8)[0].tolist() == [2, 0, 0, 0]
    assert surer.confusion(0.5).dtype == np.int64


def test_reliability_counted_by_hand(hand: Evaluated) -> None:
    found = hand.reliability(bins=5)
    np.testing.assert_allclose(found.edges, [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert found.counts.tolist() == [0, 2, 1, 3, 1]  # .2 and .6 in the bins that they begin; the one of a crowd in none
    np.testing.assert_allclose(found.score, [np.nan, 0.25, 0.5, 2 / 3, 0.9])
    np.testing.assert_allclose(found.right, [np.nan, 1 / 2, 0, 1 / 3, 1])
    assert found.ece == pytest.approx((2 * 0.25 + 0.5 + 3 / 3 + 0.1) / 7)
    assert found.mce == pytest.approx(0.5)


def test_a_score_above_1_is_as_one_of_1() -> None:
    images = ImageTable.from_coco(HAND)
    found = Evaluated(HAND, predictions(images, [(0, 0, 1.5, 0, 0, 20, 20), (0, 0, 1, 50, 50, 70, 70)])).reliability()
    assert found.counts.tolist() == [0] * 9 + [2]
    assert (found.score[-1], found.right[-1], found.ece, found.mce) == (1, 1, 0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_reliability_is_hotcocos(seed: int) -> None:
    content, found = random_case(seed)
    ours, theirs = Evaluated(content, found).reliability(), judged(content, found, "hotcoco").calibration()
    assert (ours.ece, ours.mce) == pytest.approx((theirs["ece"], theirs["mce"]), abs=1e-12)
    assert ours.counts.tolist() == [part["count"] for part in theirs["bins"]]


def test_images_counted_by_hand(hand: Evaluated) -> None:
    counts = hand.per_image(0)
    assert counts.right.tolist() == [3, 0, 0]
    assert counts.false.tolist() == [2, 1, 1]
    assert counts.missed.tolist() == [0, 1, 0]
    np.testing.assert_allclose(counts.f1, [6 / 8, 0, 0])
    counts = hand.per_image(0.7)
    assert (counts.right.tolist(), counts.false.tolist(), counts.missed.tolist()) == ([2, 0, 0], [1, 0, 0], [1, 1, 0])
    np.testing.assert_allclose(counts.f1, [4 / 6, 0, np.nan])


def test_all_counts_agree() -> None:
    found = Evaluated(*random_case(0))
    curves, counts, matrix = found.confidence_curves([0.4]), found.per_image(0.4), found.confusion(0.4)
    right, false, missed = counts.right.sum(), counts.false.sum(), counts.missed.sum()
    assert curves.precision[0] == right / (right + false)
    assert curves.recall[0] == right / (right + missed)
    assert matrix[:, :-1].sum() == right + false
    assert matrix[:-1].sum() == right + missed
    kinds = found.error_kinds()
    everything = found.per_image(0)
    assert kinds["false positives"].count == everything.false.sum()
    assert kinds["false negatives"].count == everything.missed.sum()


@pytest.mark.parametrize(
    ("content", "rows"),
    [(HAND, []), ({**HAND, "annotations": []}, ROWS), ({**HAND, "annotations": []}, [])],
    ids=["no boxes", "no truth", "neither"],
)
@pytest.mark.filterwarnings("error")
def test_nothing_is_0_or_nan(content: dict[str, Any], rows: list[tuple]) -> None:
    found = Evaluated(content, predictions(ImageTable.from_coco(content), rows))
    true = bool(content["annotations"])
    figure = 0 if true else np.nan
    count = len(rows)

    def is_figure(*values: Any) -> None:
        for value in values:
            np.testing.assert_array_equal(value, np.full(np.shape(value), figure))

    is_figure(found.metrics.summary["mAP50"], *found.intervals(5)["mAP50"], found.pr_curves().precision[:2])
    curves = found.confidence_curves([0.0])
    is_figure(curves.recall, curves.f1, curves.class_f1[:2], curves.best)
    np.testing.assert_array_equal(curves.precision, 0 if rows else np.nan)
    assert found.confusion(0).sum() == (4 if true else count)
    kinds = found.error_kinds()
    assert kinds["background"].count == kinds["false positives"].count == count
    assert kinds["missed"].count == kinds["false negatives"].count == (4 if true else 0)
    is_figure(kinds["background"].cost)
    # No class is left once all that is missed is forgiven.
    assert math.isnan(kinds["missed"].cost) and math.isnan(kinds["false negatives"].cost)
    assert found.reliability().counts.sum() == count
    assert math.isnan(found.reliability().ece) == (not rows)
    small = found.by_size()["small"]
    is_figure(small.ap50, small.ap, small.ar, found.by_images({"first": np.array([0])})["first"].summary["mAP50"])
    assert small.boxes == (4 if true else 0)
    assert found.per_image(0).false.sum() == count
    delta = difference(found, found, samples=5)["mAP50"]
    is_figure(delta.delta, delta.low, delta.high)


def test_intervals_hold_the_figure_and_are_the_same_in_several_threads() -> None:
    content, found = random_case(0)
    judge = Evaluated(content, found)
    intervals = judge.intervals(samples=100)
    assert next(iter(intervals)) == "mAP50" and intervals.keys() == set(SUMMARY)
    for name, value in evaluate_coco(content, found).summary.items():
        low, high = intervals[name]
        assert low <= value <= high
    low, high = intervals["mAP50"]
    values = judge.resampled(100, 0)[:, SUMMARY.index("mAP50")]
    assert [(values < low).sum(), (values > high).sum()] == [3, 3]  # of 100, on either side of 2.5 %
    with ThreadPoolExecutor(4) as pool:
        for other in pool.map(lambda _: Evaluated(content, found).intervals(samples=100), range(4)):
            assert other == intervals
    assert Evaluated(content, found).intervals(samples=100, seed=1) != intervals


def test_a_difference_is_paired() -> None:
    content, found = random_case(0)
    first, second = Evaluated(content, found), Evaluated(content, found.select(found.scores >= 0.3))
    result = difference(first, second, samples=100)
    for name, value in result.items():
        assert value.delta == second.metrics.summary[name] - first.metrics.summary[name]
    low, high = first.intervals(100)["mAP50"]
    assert result["mAP50"].low < result["mAP50"].delta < result["mAP50"].high < 0
    assert result["mAP50"].high - result["mAP50"].low < high - low
    assert {(d.delta, d.low, d.high) for d in difference(first, first, samples=10).values()} == {(0, 0, 0)}


def test_a_difference_of_other_images_is_refused() -> None:
    content = coco(images=2)
    one = {**content, "images": content["images"][:1]}
    first, second = (Evaluated(content, predictions(ImageTable.from_coco(c))) for c in (content, one))
    with pytest.raises(InputError, match="must be about the same images"):
        difference(first, second)


def test_images_of_no_prediction_are_left_out() -> None:
    content = coco(images=2, categories=(0,), boxes=[(0, 0, [0, 0, 20, 20]), (1, 0, [0, 0, 20, 20])])
    one = {**content, "images": content["images"][1:], "annotations": content["annotations"][1:]}
    found = Evaluated(content, from_annotations(one))
    assert len(found.true_boxes) == 1
    assert found.per_image(0).right.tolist() == [1]


@pytest.fixture(scope="module")
def fold(shared: Path) -> tuple[dict[str, Any], Predictions]:
    content = load_annotations(shared / "data/predictions/oof_fold0_gt.json")
    images = ImageTable.from_coco(content)
    return content, read_submission(shared / "data/predictions/oof_fold0_deta_identity.csv", images)


def test_a_real_models_errors_are_tides(fold: tuple[dict[str, Any], Predictions]) -> None:
    """By tidecv 1.0.1, whose points of recall differ from COCO's in the last digit."""
    expected = {
        "classification": (7943, 0.073814),
        "localization": (5520, 0.032164),
        "both": (3382, 0.006383),
        "duplicate": (2019, 0.004108),
        "background": (5361, 0.013842),
        "missed": (428, 0.063716),
        "false positives": (24225, 0.140772),
        "false negatives": (779, 0.122435),
    }
    kinds = Evaluated(*fold).error_kinds()
    assert {name: kind.count for name, kind in kinds.items()} == {name: count for name, (count, _) in expected.items()}
    assert {name: kind.cost for name, kind in kinds.items()} == pytest.approx(
        {name: cost for name, (_, cost) in expected.items()}, abs=3e-5
    )


def test_a_real_models_counts_are_hotcocos(fold: tuple[dict[str, Any], Predictions]) -> None:
    ours, theirs = Evaluated(*fold), judged(*fold, "hotcoco")
    images = theirs.image_diagnostics()["img_summary"]
    numbers = np.argsort(np.argsort(fold[1].images.ids)).tolist()
    counts = ours.per_image(0)
    for name, of_image in (("tp", counts.right), ("fp", counts.false), ("fn", counts.missed)):
        assert of_image.tolist() == [images[number][name] if number in images else 0 for number in numbers]
    assert ours.reliability().ece == pytest.approx(theirs.calibration()["ece"], abs=1e-9)


def test_the_order_of_the_images_changes_nothing() -> None:
    content, found = random_case(1)
    order = np.random.default_rng(0).permutation(len(found.images))
    shuffled = {**content, "images": [content["images"][position] for position in order]}
    other, first = Evaluated(shuffled, found.over(ImageTable.from_coco(shuffled))), Evaluated(content, found)
    assert as_tuple(other.metrics) == as_tuple(first.metrics)
    assert other.error_kinds() == first.error_kinds()
    np.testing.assert_array_equal(other.per_image(0.5).right, first.per_image(0.5).right[order])
