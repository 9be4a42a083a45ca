import json
import math
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.evaluation import CocoMetrics, Map50, evaluate_coco
from mmdet_trash.evaluation.coco import BACKENDS, SUMMARY
from mmdet_trash.predictions import ImageTable, Predictions, from_annotations, read_submission
from tests.builders import coco, predictions
from tests.evaluation.cases import judged

backends = pytest.mark.parametrize("backend", BACKENDS)


def found_in(content: dict[str, Any], rows: list[tuple]) -> Predictions:
    """One detection a `(image position, label, score, x1, y1, x2, y2)`."""
    return predictions(ImageTable.from_coco(content), rows)


def area_under(recall_and_precision: list[tuple[float, float]]) -> float:
    """COCO's average precision: at each of 101 recalls, the best precision at that recall or beyond."""
    best = (max((p for r, p in recall_and_precision if r >= i / 100 - 1e-9), default=0.0) for i in range(101))
    return sum(best) / 101


@backends
def test_a_case_counted_by_hand(backend: str) -> None:
    content = coco(
        images=2,
        boxes=[(0, 0, [0, 0, 20, 20]), (0, 0, [50, 50, 20, 20]), (1, 0, [10, 10, 40, 40]), (1, 1, [60, 0, 30, 30])],
    )
    found = found_in(
        content,
        [
            (0, 0, 0.9, 0, 0, 20, 15),  # IoU .75: right at .5, wrong from .8
            (0, 0, 0.8, 0, 0, 20, 20),  # its box is taken at .5
            (1, 0, 0.7, 10, 10, 50, 50),  # right
            (1, 0, 0.6, 70, 60, 90, 80),  # nothing there
            (0, 0, 0.5, 50, 50, 60, 70),  # IoU exactly .5: right
            (1, 1, 0.4, 60, 0, 74, 30),  # IoU 14/30: wrong
        ],
    )
    # Class 0 in order of scores: right, wrong, right, wrong, right, of three boxes.
    expected = area_under([(1 / 3, 1 / 1), (1 / 3, 1 / 2), (2 / 3, 2 / 3), (2 / 3, 2 / 4), (3 / 3, 3 / 5)])
    metrics = evaluate_coco(content, found, backend)
    assert metrics.ap50 == {"class 0": pytest.approx(expected, abs=1e-12), "class 1": 0}
    assert metrics.summary["mAP50"] == pytest.approx(expected / 2, abs=1e-12)
    # At .75 the first still counts and the last does not; from .8 on the second takes its box.
    at_75 = area_under([(1 / 3, 1 / 1), (1 / 3, 1 / 2), (2 / 3, 2 / 3)])
    assert metrics.summary["mAP75"] == pytest.approx(at_75 / 2, abs=1e-12)


@backends
def test_a_perfect_prediction_is_1_and_map50_comes_first(backend: str) -> None:
    content = coco()
    metrics = evaluate_coco(content, from_annotations(content), backend)
    assert set(metrics.summary) == set(SUMMARY)
    assert next(iter(metrics.summary)) == "mAP50"
    assert [metrics.summary[name] for name in ("mAP", "mAP50", "AR100")] == pytest.approx([1, 1, 1])
    assert metrics.ap == pytest.approx({"class 0": 1, "class 1": 1})


@backends
def test_a_crowd_is_neither_right_nor_wrong(backend: str) -> None:
    content = coco(boxes=[(0, 0, [0, 0, 20, 20]), (0, 0, [40, 0, 60, 60])])
    content["annotations"][1]["iscrowd"] = 1
    rows = [(0, 0, 0.9, 45, 5, 60, 20), (0, 0, 0.8, 70, 20, 90, 50), (0, 0, 0.7, 0, 0, 20, 20)]
    assert evaluate_coco(content, found_in(content, rows), backend).summary["mAP50"] == pytest.approx(1)
    content["annotations"][1]["iscrowd"] = 0
    assert evaluate_coco(content, found_in(content, rows), backend).summary["mAP50"] < 0.5


@backends
def test_the_annotation_with_id_0_can_be_found(backend: str) -> None:
    content = coco(boxes=[(0, 0, [0, 0, 20, 20])])
    assert content["annotations"][0]["id"] == 0
    assert evaluate_coco(content, from_annotations(content), backend).summary["mAP50"] == pytest.approx(1)


@backends
def test_no_prediction_is_0_and_no_ground_truth_is_nan(backend: str) -> None:
    content = coco(boxes=[(0, 0, [0, 0, 20, 20])])
    nothing = evaluate_coco(content, found_in(content, []), backend)
    assert nothing.summary["mAP50"] == nothing.summary["mAP"] == nothing.summary["AR100"] == 0
    assert nothing.ap50["class 0"] == 0
    assert math.isnan(nothing.ap50["class 1"])

    for boxes in ([], [(1, 0, [0, 0, 20, 20])]):  # no box at all, none in the predicted images
        content = coco(boxes=boxes)
        first = {**content, "images": content["images"][:1]}
        metrics = evaluate_coco(content, found_in(first, [(0, 0, 0.9, 0, 0, 20, 20)]), backend)
        assert all(math.isnan(value) for value in (*metrics.summary.values(), *metrics.ap50.values()))
        assert set(metrics.summary) == set(SUMMARY)


@backends
def test_only_the_predicted_images_are_scored(backend: str) -> None:
    content = coco(boxes=[(0, 0, [0, 0, 20, 20]), (1, 0, [0, 0, 20, 20])])
    first = {**content, "images": content["images"][:1]}
    rows = [(0, 0, 0.9, 0, 0, 20, 20)]
    assert evaluate_coco(content, found_in(first, rows), backend).summary["AR100"] == pytest.approx(1)
    assert evaluate_coco(content, found_in(content, rows), backend).summary["AR100"] == pytest.approx(0.5)


def as_tuple(metrics: CocoMetrics) -> list[float | str]:
    """All figures; NaN, which equals nothing, as text."""
    values = [*metrics.summary.values(), *metrics.ap50.values(), *metrics.ap.values()]
    return ["nan" if math.isnan(value) else value for value in values]


def random_case(seed: int) -> tuple[dict[str, Any], Predictions]:
    """Five classes with gaps between their ids, crowds, equal scores, images without boxes or predictions."""
    rng = np.random.default_rng(seed)
    categories = (2, 3, 7, 30, 1000)
    boxes = [
        (image, int(rng.choice(categories[:4])), [*rng.integers(0, 60, 2).tolist(), *rng.integers(1, 60, 2).tolist()])
        for image in range(25)
        for _ in range(rng.integers(0, 8))
    ]
    content = coco(images=30, boxes=boxes, categories=categories)
    for annotation in content["annotations"]:
        annotation["iscrowd"] = int(rng.random() < 0.1)
        annotation["bbox"] = [4.5 * value for value in annotation["bbox"]]
        del annotation["area"]
    rng.shuffle(content["images"])
    truth = from_annotations(content)
    near = truth.bboxes + rng.normal(0, 8, truth.bboxes.shape)
    wild = rng.integers(0, 200, (60, 4)) + np.array([0, 0, 60, 60])
    return content, Predictions.from_columns(
        truth.images,
        [*truth.image_index, *rng.integers(0, 30, 60)],
        [*truth.labels, *rng.integers(0, 5, 60)],
        rng.random(len(near) + 60).round(2),
        [*near, *wild],
    )


@pytest.mark.parametrize("seed", range(6))
def test_hotcoco_and_the_referee_agree_exactly(seed: int) -> None:
    content, found = random_case(seed)
    fast, referee = (evaluate_coco(content, found, backend) for backend in BACKENDS)
    assert as_tuple(fast) == as_tuple(referee)
    assert 0.02 < fast.summary["mAP50"] < 0.98
    assert math.isnan(fast.ap50["class 1000"])  # a class without ground truth


@pytest.mark.parametrize("seed", range(2))
def test_the_figures_are_those_of_pycocotools_on_the_file_itself(seed: int) -> None:
    """Numbering anew changes nothing but the annotation that has id 0."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    content, found = random_case(seed)
    truth = COCO()
    truth.dataset = {
        **content,
        "annotations": [{**a, "id": a["id"] + 1, "area": a["bbox"][2] * a["bbox"][3]} for a in content["annotations"]],
    }
    truth.createIndex()
    rows = zip(found.image_index, found.labels, found.scores, found.bboxes, strict=True)
    results = [
        {
            "image_id": content["images"][image]["id"],
            "category_id": (2, 3, 7, 30, 1000)[label],
            "score": score,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
        }
        for image, label, score, (x1, y1, x2, y2) in rows
    ]
    evaluator = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    summary = evaluate_coco(content, found).summary
    assert [summary[name] for name in SUMMARY] == evaluator.stats.tolist()


def test_figures_are_pycocotools_to_the_last_bit():
    """Also of areas, where a mean that adds in another order is off by one bit."""
    random = np.random.default_rng(1)
    boxes = [(i % 60, i % 10, [*random.uniform(0, 300, 2), *random.uniform(8, 300, 2)]) for i in range(400)]
    content = coco(images=60, boxes=boxes, categories=range(10), size=(640, 640))
    truth = from_annotations(content)
    found = replace(
        truth, bboxes=truth.bboxes + random.normal(0, 12, truth.bboxes.shape), scores=random.random(len(truth))
    )
    theirs = judged(content, found)
    assert [evaluate_coco(content, found).summary[name] for name in SUMMARY] == theirs.stats.tolist()


@backends
def test_ids_and_extra_fields_of_any_kind(backend: str) -> None:
    """What COCO allows, or ignores, and an evaluator of its own accord would not."""
    content = coco(boxes=[(0, 0, [0, 0, 20, 20]), (1, 1, [5, 5, 40, 40])])
    plain = evaluate_coco(content, from_annotations(content), backend)
    for image, image_id in zip(content["images"], (-5, 2**62 + 1), strict=True):
        image.update(id=image_id, license="CC", date_captured=3)
    for category, category_id in zip(content["categories"], (-1, 2**62 + 1), strict=True):
        category.update(id=category_id, supercategory=None)
    for annotation, image_id, category_id in zip(content["annotations"], (-5, 2**62 + 1), (-1, 2**62 + 1), strict=True):
        annotation.update(image_id=image_id, category_id=category_id, iscrowd=False, segmentation="none", keypoints=1)
    assert as_tuple(evaluate_coco(content, from_annotations(content), backend)) == as_tuple(plain)


@backends
def test_predictions_of_another_dataset_are_refused(backend: str) -> None:
    content = coco(boxes=[(0, 0, [0, 0, 20, 20])])
    found = found_in(content, [(0, 0, 0.9, 0, 0, 20, 20)])
    with pytest.raises(InputError, match=r"^predictions: image 1 is none of the ground truth's$"):
        evaluate_coco({**content, "images": content["images"][:1]}, found, backend)
    for categories in (content["categories"][:1], [*content["categories"], {"id": 2, "name": "more"}]):
        with pytest.raises(InputError, match=r"^predictions: their categories are others than the ground truth's$"):
            evaluate_coco({**content, "categories": categories}, found, backend)


def test_an_unknown_backend() -> None:
    with pytest.raises(ValueError, match="backend 'fast' is unknown, one of hotcoco, pycocotools is right"):
        evaluate_coco(coco(), from_annotations(coco()), "fast")


@pytest.mark.parametrize("seed", range(5))
def test_map50_alone_is_the_figure_of_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = [(int(i), int(c), [*map(float, xywh)]) for i, c, xywh in zip(*random_boxes(rng, 40), strict=True)]
    content = coco(images=6, categories=(0, 1, 2, 3), boxes=boxes)  # no box of the last
    content["annotations"][0]["iscrowd"] = 1
    images = ImageTable.from_coco(content)
    score = Map50(content, images)
    for count in (0, 1, 300):
        index, labels, xywh = random_boxes(rng, count)
        found = Predictions.from_columns(
            images, index, labels, rng.random(count), xywh + np.pad(xywh[:, :2], ((0, 0), (2, 0)))
        )
        expected = evaluate_coco(content, found).summary["mAP50"]
        assert score(found) == pytest.approx(expected, abs=1e-12)
        assert pickle.loads(pickle.dumps(score))(found) == score(found)


def random_boxes(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    corner, side = rng.integers(0, 5, (count, 2)) * 10, rng.integers(2, 5, (count, 2)) * 10
    return rng.integers(6, size=count), rng.integers(3, size=count), np.concatenate([corner, side], axis=1)


def test_map50_of_nothing_to_find_is_refused() -> None:
    content = coco(boxes=())
    with pytest.raises(InputError, match=r"^ground truth: the predicted images have no boxes, mAP is undefined$"):
        Map50(content, ImageTable.from_coco(content))


def test_nothing_is_printed(capfd: pytest.CaptureFixture) -> None:
    for backend in BACKENDS:
        evaluate_coco(coco(), from_annotations(coco()), backend)
    assert capfd.readouterr().out == ""


def test_a_real_models_figure(shared: Path) -> None:
    """FACTS.md: fold 0, DETA without flip, mAP50 .6978."""
    folder = shared / "data" / "predictions"
    content = json.loads((folder / "oof_fold0_gt.json").read_bytes())
    found = read_submission(folder / "oof_fold0_deta_identity.csv", ImageTable.from_coco(content))
    assert evaluate_coco(content, found).summary["mAP50"] == pytest.approx(0.6978, abs=5e-5)
