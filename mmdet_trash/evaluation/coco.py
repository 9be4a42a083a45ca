"""COCO box metrics by pycocotools, the referee, or hotcoco, which gives the same numbers faster."""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import ImageTable, Predictions

SUMMARY = ("mAP", "mAP50", "mAP75", "mAP_s", "mAP_m", "mAP_l", "AR1", "AR10", "AR100", "AR_s", "AR_m", "AR_l")
"""COCO's twelve figures, in the order of `COCOeval.stats`."""
SIZES = ("small", "medium", "large")
"""Of objects, in square pixels as annotated: to 32², to 96², and beyond. Here an area of a border is of both."""
BACKENDS = ("hotcoco", "pycocotools")


@dataclass(frozen=True)
class CocoMetrics:
    """Box metrics between 0 and 1; NaN where the ground truth has no box to find.

    Attributes:
        summary: COCO's twelve figures by name, mAP50 first.
        ap50: average precision at IoU 0.5 of each class, in label order.
        ap: average precision over IoU 0.5:0.95 of each class, in label order.
    """

    summary: dict[str, float]
    ap50: dict[str, float]
    ap: dict[str, float]


def evaluate_coco(coco: dict[str, Any], predictions: Predictions, backend: str = "hotcoco") -> CocoMetrics:
    """Score boxes as COCO does: at most 100 an image and class, crowd boxes ignored.

    Args:
        coco: the ground truth, as `load_annotations` gives it. Its images that are none of the predictions' are
            left out; one without predictions counts as having none.
        predictions: what to score.
        backend: `"hotcoco"` or `"pycocotools"`.

    Raises:
        ValueError: for another backend.
        InputError: when the predictions are about an image that the ground truth does not have, or other categories.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend {backend!r} is unknown, one of {', '.join(BACKENDS)} is right")
    truth = ground_truth(coco, predictions.images)
    evaluator = evaluated(backend, truth, as_array(predictions)) if truth["annotations"] else None
    return metrics_of(evaluator, predictions.images.classes)


def metrics_of(evaluator: Any | None, classes: Sequence[str]) -> CocoMetrics:
    """The figures of what `evaluated` gives; all NaN for None, which stands for a ground truth without boxes."""
    if evaluator is None:
        nothing = dict.fromkeys(classes, float("nan"))
        return CocoMetrics(_mAP50_first(dict.fromkeys(SUMMARY, float("nan"))), nothing, dict(nothing))
    precision = np.asarray(evaluator.eval["precision"])[:, :, :, 0, -1]
    precision = np.where(precision < 0, np.nan, precision)
    stats = _twelve(np.asarray(evaluator.eval["precision"]), np.asarray(evaluator.eval["recall"]))
    return CocoMetrics(
        summary=_mAP50_first(dict(zip(SUMMARY, stats, strict=True))),
        ap50=dict(zip(classes, precision[0].mean(axis=0).tolist(), strict=True)),
        ap=dict(zip(classes, precision.mean(axis=(0, 1)).tolist(), strict=True)),
    )


def _twelve(precision: np.ndarray, recall: np.ndarray) -> list[float]:
    """The figures of `SUMMARY` as pycocotools takes their means; hotcoco's own can differ in the last bit.

    Args:
        precision: (10, 101, C, 4, 3) by IoU threshold, recall, class, area and number of boxes; -1 where there is no
            ground truth.
        recall: (10, C, 4, 3), likewise.
    """
    parts = [
        precision[..., 0, 2], precision[0, ..., 0, 2], precision[5, ..., 0, 2],
        *(precision[..., i, 2] for i in (1, 2, 3)), *(recall[..., 0, i] for i in (0, 1, 2)),
        *(recall[..., i, 2] for i in (1, 2, 3)),
    ]  # fmt: skip
    known = (part[part > -1] for part in parts)
    return [float(part.mean()) if len(part) else float("nan") for part in known]


class Map50:
    """mAP50 of many predictions for the same images, several times as fast as `evaluate_coco` and the same number.

    Args:
        coco: the ground truth, as `load_annotations` gives it.
        images: the images that are predicted, all of the ground truth's.

    Raises:
        InputError: when there is nothing to find in these images.
    """

    def __init__(self, coco: dict[str, Any], images: ImageTable) -> None:
        self.truth = ground_truth(coco, images)
        if not self.truth["annotations"]:
            raise InputError("ground truth: the predicted images have no boxes, mAP is undefined")

    @cached_property
    def index(self) -> Any:
        """The ground truth as hotcoco holds it."""
        with contextlib.redirect_stdout(io.StringIO()):
            return _hotcoco()[0](self.truth)

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process, which makes its own index."""
        return {"truth": self.truth}

    def __call__(self, predictions: Predictions) -> float:
        """mAP50 between 0 and 1 of predictions for the images."""
        if not len(predictions):
            return 0.0
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator = _hotcoco()[1](self.index, self.index.loadRes(as_array(predictions)), "bbox")
            params = evaluator.params
            params.iouThrs, params.maxDets = [0.5], [100]
            params.areaRng, params.areaRngLbl = [[0, 1e10]], ["all"]
            evaluator.params = params
            evaluator.evaluate()
            evaluator.accumulate()
        precision = np.asarray(evaluator.eval["precision"])[0, :, :, 0, -1]
        return float(precision.mean(axis=0)[(precision >= 0).all(axis=0)].mean())


def evaluated(backend: str, truth: dict[str, Any], detections: np.ndarray) -> Any:
    """`make_evaluator`'s, after `evaluate` and `accumulate`."""
    evaluator = make_evaluator(backend, truth, detections)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator


def make_evaluator(backend: str, truth: dict[str, Any], detections: np.ndarray) -> Any:
    """The `COCOeval` of a backend.

    Args:
        backend: one of `BACKENDS`.
        truth: as `ground_truth` gives it.
        detections: as `as_array` gives them.
    """
    index, evaluator = _hotcoco() if backend == "hotcoco" else _pycocotools()
    with contextlib.redirect_stdout(io.StringIO()):
        true = index(truth)
        # Neither library takes an empty list of results; the truth without annotations is one.
        results = true.loadRes(detections) if len(detections) else index({**truth, "annotations": []})
    return evaluator(true, results, "bbox")


def _hotcoco() -> tuple[Callable[[dict[str, Any]], Any], Callable[..., Any]]:
    from hotcoco import COCO, COCOeval

    return COCO, COCOeval


def _pycocotools() -> tuple[Callable[[dict[str, Any]], Any], Callable[..., Any]]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def index(dataset: dict[str, Any]) -> COCO:
        coco = COCO()
        coco.dataset = dataset
        coco.createIndex()
        return coco

    return index, COCOeval


def ground_truth(coco: dict[str, Any], images: ImageTable) -> dict[str, Any]:
    """The part of a ground truth that is about these images, with the fields the evaluators need and no others.

    Images, categories and annotations are numbered anew. pycocotools notes a match by the annotation's id and reads
    0 as "none", so in the competition's file, which counts from 0, the first box could never be found; hotcoco takes
    no negative ids, and neither takes one that a float cannot hold.
    """
    number = {image_id: index for index, image_id in enumerate(np.sort(images.ids).tolist())}
    label = {category_id: index for index, category_id in enumerate(images.category_ids.tolist())}
    if unknown := number.keys() - {image["id"] for image in coco["images"]}:
        raise InputError(f"predictions: image {min(unknown)} is none of the ground truth's")
    if label.keys() != {category["id"] for category in coco["categories"]}:
        raise InputError("predictions: their categories are others than the ground truth's")
    annotations = [
        {
            "id": position,
            "image_id": number[annotation["image_id"]],
            "category_id": label[annotation["category_id"]],
            "bbox": annotation["bbox"],
            "area": annotation.get("area", annotation["bbox"][2] * annotation["bbox"][3]),
            "iscrowd": int(annotation.get("iscrowd", 0)),
        }
        for position, annotation in enumerate((a for a in coco["annotations"] if a["image_id"] in number), start=1)
    ]
    return {
        "info": {},
        "images": [{"id": index} for index in number.values()],
        "annotations": annotations,
        "categories": [{"id": index, "name": name} for index, name in enumerate(images.classes)],
    }


def as_array(predictions: Predictions) -> np.ndarray:
    """(N, 7) float64: image number, x, y, width, height, score, label; numbered as `ground_truth` does."""
    ids, boxes = predictions.images.ids, predictions.bboxes
    return np.column_stack(
        [
            np.searchsorted(np.sort(ids), ids[predictions.image_index]),
            boxes[:, :2],
            boxes[:, 2:] - boxes[:, :2],
            predictions.scores,
            predictions.labels,
        ]
    )


def _mAP50_first(summary: dict[str, float]) -> dict[str, float]:
    return {"mAP50": summary["mAP50"], **summary}
