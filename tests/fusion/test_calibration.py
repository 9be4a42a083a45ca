import contextlib
import io
import json
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmdet_trash.errors import InputError
from mmdet_trash.fusion import Calibration, fit_calibration
from mmdet_trash.fusion.calibration import FEWEST, KEEP_ORDER, KINDS
from mmdet_trash.predictions import Predictions
from mmdet_trash.predictions.matching import are_right
from tests.builders import predictions, table

IMAGES = table()


def simulated(count: int, classes: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, labels and whether boxes are right; a box of score s is right with the chance `true_rate(s)`."""
    rng = np.random.default_rng(seed)
    scores = rng.random(count)
    return scores, rng.integers(0, classes, count), rng.random(count) < true_rate(scores)


def true_rate(scores: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-(1.5 logit(s) - 1)))"""
    odds = (scores / (1 - scores)) ** 1.5 * np.exp(-1)
    return odds / (1 + odds)


def applied(curve: Calibration, scores: Any, label: int = 0) -> np.ndarray:
    rows = [(0, label, score, 10, 10, 20, 20) for score in scores]
    return curve.apply(predictions(IMAGES, rows)).scores


def one_for_all(curve: Calibration, label: int = 0) -> Calibration:
    """A calibration of any number of classes by the curve of one."""
    return Calibration(curve.kind, (curve.curves[label],))


def pool_adjacent_violators(values: list[float]) -> list[float]:
    """Isotonic regression: neighbours that fall are averaged until none do."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, count = blocks.pop()
            blocks[-1] = [
                (blocks[-1][0] * blocks[-1][1] + mean * count) / (blocks[-1][1] + count),
                blocks[-1][1] + count,
            ]
    return [mean for mean, count in blocks for _ in range(int(count))]


def test_isotonic_is_the_isotonic_regression_with_a_little_of_the_score() -> None:
    scores, labels, right = simulated(800)
    order = np.argsort(scores)
    expected = np.array(pool_adjacent_violators(right[order].astype(float).tolist()))
    found = applied(one_for_all(fit_calibration("isotonic", scores, labels, right, 1)), scores[order])
    np.testing.assert_allclose(found, (1 - KEEP_ORDER) * expected + KEEP_ORDER * scores[order], atol=1e-6)


@pytest.mark.parametrize(("kind", "near"), [("isotonic", 0.05), ("platt", 0.02)])
def test_fitted_scores_are_near_the_share_of_right_boxes(kind: str, near: float) -> None:
    curve = one_for_all(fit_calibration(kind, *simulated(30_000), classes=1))
    scores = np.linspace(0.05, 0.95, 91)
    np.testing.assert_allclose(applied(curve, scores), true_rate(scores), atol=near)
    assert np.abs(scores - true_rate(scores)).max() > 0.1, "the scores themselves are not"


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_a_models_boxes_of_a_class_is_kept(kind: str) -> None:
    scores, labels, right = simulated(400, classes=2, seed=1)
    calibration = fit_calibration(kind, scores, labels, right, 2)
    for label in range(2):
        of_class = np.sort(scores[labels == label])
        # A 101-point grid of quantiles keeps apart what lies inside it.
        assert (np.diff(applied(one_for_all(calibration, label), of_class)) > 0).all()
        assert (np.diff(applied(one_for_all(calibration, label), np.linspace(0, 1, 500))) >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_calibrated_scores_lie_between_0_and_1(kind: str) -> None:
    curve = one_for_all(fit_calibration(kind, *simulated(300), classes=1))
    found = applied(curve, [0, 1e-9, 0.3, 1 - 1e-9, 1])
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_rank_is_the_share_of_boxes_with_a_lower_score() -> None:
    rng = np.random.default_rng(2)
    scores = rng.beta(0.3, 3, 2000)
    curve = one_for_all(fit_calibration("rank", scores, np.zeros(2000, int), np.zeros(2000, bool), 1))
    expected = np.array([(scores < score).mean() for score in scores])
    np.testing.assert_allclose(applied(curve, scores), expected, atol=0.0101)
    levels = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    np.testing.assert_allclose(applied(curve, np.quantile(scores, levels)), levels, atol=1e-9)


def test_rank_of_a_score_that_many_boxes_share_is_the_share_below_it() -> None:
    scores = np.repeat([0.2, 0.4, 0.6], [50, 100, 50])
    curve = one_for_all(fit_calibration("rank", scores, np.zeros(200, int), np.zeros(200, bool), 1))
    np.testing.assert_allclose(applied(curve, [0.2, 0.4, 0.6]), [0, 0.25, 0.75], atol=0.0101)


def test_min_max_is_not_said_by_a_single_outlier() -> None:
    scores = np.random.default_rng(3).uniform(0.1, 0.3, 1000)
    none = np.zeros(1001, bool)
    without = one_for_all(fit_calibration("min_max", scores, np.zeros(1000, int), none[:1000], 1))
    outlier = one_for_all(fit_calibration("min_max", np.append(scores, 1.0), np.zeros(1001, int), none, 1))
    inside = np.linspace(0.11, 0.29, 50)
    np.testing.assert_allclose(applied(outlier, inside), applied(without, inside), atol=0.01)
    # A line from 0.1 to 0.3, not from 0.1 to 1.
    np.testing.assert_allclose(applied(outlier, inside), (inside - 0.1) / 0.2, atol=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_with_few_boxes_take_the_curve_of_all(kind: str) -> None:
    scores, _, right = simulated(3 * FEWEST - 1)
    labels = np.repeat([0, 1, 2], [2 * FEWEST - 0, FEWEST - 1, 0])
    calibration = fit_calibration(kind, scores, labels, right, 3)
    pooled = fit_calibration(kind, scores, np.zeros_like(labels), right, 1).curves[0]
    own = labels == 0
    alone = fit_calibration(kind, scores[own], labels[own], right[own], 1).curves[0]
    assert calibration.curves == (alone, pooled, pooled)
    assert alone != pooled


@pytest.mark.parametrize("kind", ["isotonic", "platt"])
@pytest.mark.parametrize("value", [True, False])
def test_classes_all_right_or_all_wrong_take_the_curve_of_all(kind: str, value: bool) -> None:
    scores, _, right = simulated(600)
    labels = np.repeat([0, 1], 300)
    right[labels == 1] = value
    calibration = fit_calibration(kind, scores, labels, right, 2)
    assert calibration.curves[1] == fit_calibration(kind, scores, np.zeros_like(labels), right, 1).curves[0]
    assert calibration.curves[0] != calibration.curves[1]


@pytest.mark.parametrize("kind", KINDS)
def test_without_boxes_scores_stay_as_they_are(kind: str) -> None:
    calibration = fit_calibration(kind, np.zeros(0), np.zeros(0, int), np.zeros(0, bool), 2)
    np.testing.assert_allclose(applied(one_for_all(calibration), [0, 0.25, 1]), [0, 0.25, 1])


def test_each_class_goes_through_its_own_curve_and_boxes_stay() -> None:
    curves = tuple(((0.0, 1.0), (0.0, (label + 1) / 10)) for label in range(10))
    rows = [(i % 2, i, 0.5, i, 10, 20, 30) for i in range(10)]
    found = predictions(IMAGES, rows)
    calibrated = Calibration("platt", curves).apply(found)
    np.testing.assert_allclose(calibrated.scores, 0.5 * (found.labels + 1) / 10)
    for name in ("image_index", "labels", "bboxes"):
        np.testing.assert_array_equal(getattr(calibrated, name), getattr(found, name))
    assert (found.scores == 0.5).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_written_as_json_comes_back_the_same(kind: str) -> None:
    calibration = fit_calibration(kind, *simulated(500, classes=3), classes=3)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


FINE = {"x": [0, 1], "y": [0, 1]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"kind": "beta", "curves": [FINE]}, "calibration 'beta' is unknown, one of isotonic, platt, rank, min_max"),
        ({"kind": "rank", "curves": [{"x": [0, 0], "y": [0, 1]}]}, "rising finite knots"),
        ({"kind": "rank", "curves": [{"x": [1, 0], "y": [0, 1]}]}, "rising finite knots"),
        ({"kind": "rank", "curves": [{"x": [0, 1], "y": [1, 0]}]}, "values that do not fall"),
        ({"kind": "rank", "curves": [{"x": [0, 1], "y": [0]}]}, "as many values"),
        ({"kind": "rank", "curves": [{"x": [], "y": []}]}, "rising finite knots"),
        ({"kind": "rank", "curves": [{"x": [0, float("nan")], "y": [0, 1]}]}, "rising finite knots"),
        ({"kind": "rank", "curves": [{"x": [0, 1], "y": [0, float("inf")]}]}, "rising finite knots"),
        ({"kind": "rank", "curves": [FINE, {"x": [0, 1], "y": [-0.5, 1]}]}, "a curve reaches -0.5"),
        ({"kind": "rank", "curves": [{"x": [0, 1]}]}, "`kind` and `curves`"),
        ({"kind": "rank", "curves": [{"x": ["a"], "y": [0]}]}, "`kind` and `curves`"),
        ({"kind": "rank", "curves": 3}, "`kind` and `curves`"),
        ({"curves": [FINE]}, "`kind` and `curves`"),
        ([FINE], "`kind` and `curves`"),
        (None, "`kind` and `curves`"),
    ],
)
def test_what_is_no_calibration_is_refused_in_one_line(content: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        Calibration.from_dict(content)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_curves_of_another_number_of_classes_are_refused() -> None:
    calibration = Calibration("rank", (((0.0, 1.0), (0.0, 1.0)),) * 3)
    with pytest.raises(InputError, match="curves of 3 classes, the data has 10"):
        applied(calibration, [0.5])


def test_an_unknown_kind_is_not_fitted() -> None:
    with pytest.raises(InputError, match="calibration 'beta' is unknown, one of isotonic, platt, rank, min_max"):
        fit_calibration("beta", *simulated(200), classes=1)


def random_boxes(rng: np.random.Generator, count: int, tied: bool) -> Predictions:
    """Small whole corners, so that overlaps are often equal, or exactly one half."""
    corners = rng.integers(0, 12, (count, 2))
    sizes = rng.integers(1, 9, (count, 2))
    scores = rng.integers(1, 8, count) / 8 if tied else rng.random(count)
    columns = (rng.integers(0, 2, count), rng.integers(0, 2, count), scores, *corners.T, *(corners + sizes).T)
    return predictions(IMAGES, zip(*columns, strict=True))


def as_coco(boxes: Predictions) -> list[dict[str, Any]]:
    rows = zip(boxes.image_index, boxes.labels, boxes.bboxes, boxes.scores, strict=True)
    return [
        {
            "id": i,
            "image_id": int(boxes.images.ids[image]),
            "category_id": int(boxes.images.category_ids[label]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
            "score": float(score),
        }
        for i, (image, label, (x1, y1, x2, y2), score) in enumerate(rows, start=1)
    ]


def right_by_pycocotools(found: Predictions, truth: Predictions, iou_thr: float) -> list[bool]:
    with contextlib.redirect_stdout(io.StringIO()):
        coco_truth, coco_found = COCO(), COCO()
        for coco, boxes in ((coco_truth, truth), (coco_found, found)):
            coco.dataset = {
                "images": [{"id": int(i)} for i in boxes.images.ids],
                "categories": [{"id": int(i)} for i in boxes.images.category_ids],
                "annotations": as_coco(boxes),
            }
            coco.createIndex()
        evaluation = COCOeval(coco_truth, coco_found, "bbox")
        evaluation.params.iouThrs = np.array([iou_thr])
        evaluation.params.maxDets = [1000]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
    matched = set()
    for result in filter(None, evaluation.evalImgs):
        matched |= {d for d, m in zip(result["dtIds"], result["dtMatches"][0], strict=True) if m > 0}
    return [i in matched for i in range(1, len(found) + 1)]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("iou_thr", [0.5, 0.3])
def test_boxes_are_right_where_pycocotools_matches_them(tied: bool, iou_thr: float) -> None:
    rng = np.random.default_rng(4)
    rights = []
    for _ in range(60):
        found, truth = random_boxes(rng, rng.integers(0, 60), tied), random_boxes(rng, rng.integers(0, 30), False)
        right = are_right(found, truth, iou_thr)
        assert right.tolist() == right_by_pycocotools(found, truth, iou_thr)
        rights += right.tolist()
    assert 30 < sum(rights) < len(rights) - 30


def test_a_true_box_is_found_once_by_the_better_box() -> None:
    truth = predictions(IMAGES, [(0, 0, 1, 10, 10, 30, 30)])
    rows = [
        (0, 0, 0.5, 10, 10, 30, 30),
        (0, 0, 0.9, 10, 10, 30, 28),
        (0, 1, 0.8, 10, 10, 30, 30),
        (1, 0, 0.9, 10, 10, 30, 30),
    ]
    assert are_right(predictions(IMAGES, rows), truth).tolist() == [False, True, False, False]
