"""COCO box metrics by pycocotools, the referee, or hotcoco, which gives the same numbers faster."""

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdet_trash.predictions import Predictions

SUMMARY = ("mAP", "mAP50", "mAP75", "mAP_s", "mAP_m", "mAP_l", "AR1", "AR10", "AR100", "AR_s", "AR_m", "AR_l")
"""COCO's twelve figures, in the order of `COCOeval.stats`."""
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
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend {backend!r} is unknown, one of {', '.join(BACKENDS)} is right")
    images = predictions.images
    truth = _ground_truth(coco, set(images.ids.tolist()))
    if not truth["annotations"]:
        nothing = dict.fromkeys(images.classes, float("nan"))
        return CocoMetrics(_mAP50_first(dict.fromkeys(SUMMARY, float("nan"))), nothing, dict(nothing))
    evaluator = _evaluator(backend, truth, _as_array(predictions))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    # (IoU threshold, recall, class, area, number of detections); -1 stands for "no ground truth".
    precision = np.asarray(evaluator.eval["precision"])[:, :, :, 0, -1]
    precision = np.where(precision < 0, np.nan, precision)
    stats = [float("nan") if value < 0 else float(value) for value in evaluator.stats]
    return CocoMetrics(
        summary=_mAP50_first(dict(zip(SUMMARY, stats, strict=True))),
        ap50=dict(zip(images.classes, precision[0].mean(axis=0).tolist(), strict=True)),
        ap=dict(zip(images.classes, precision.mean(axis=(0, 1)).tolist(), strict=True)),
    )


def _evaluator(backend: str, truth: dict[str, Any], detections: np.ndarray) -> Any:
    if backend == "hotcoco":
        from hotcoco import COCO, COCOeval

        ground_truth = COCO(truth)
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        with contextlib.redirect_stdout(io.StringIO()):
            ground_truth = COCO()
            ground_truth.dataset = truth
            ground_truth.createIndex()
    with contextlib.redirect_stdout(io.StringIO()):
        results = ground_truth.loadRes(detections) if len(detections) else _no_results(ground_truth)
    return COCOeval(ground_truth, results, "bbox")


def _no_results(ground_truth: Any) -> Any:
    """Neither library takes an empty list of results; a copy of the truth without annotations is one."""
    empty = {**ground_truth.dataset, "annotations": []}
    if type(ground_truth).__module__.startswith("hotcoco"):
        return type(ground_truth)(empty)
    results = type(ground_truth)()
    results.dataset = empty
    results.createIndex()
    return results


def _ground_truth(coco: dict[str, Any], image_ids: set[int]) -> dict[str, Any]:
    """The part of a ground truth that is about these images, with the fields the evaluators need.

    Annotations are numbered anew from 1: pycocotools notes a match by the annotation's id and reads 0 as "none", so
    in the competition's file, which counts from 0, the first box could never be found.
    """
    annotations = []
    for annotation in coco["annotations"]:
        if annotation["image_id"] in image_ids:
            width, height = annotation["bbox"][2:]
            defaults = {"area": width * height, "iscrowd": 0}
            annotations.append({**defaults, **annotation, "id": len(annotations) + 1})
    images = [image for image in coco["images"] if image["id"] in image_ids]
    return {"info": {}, "images": images, "annotations": annotations, "categories": coco["categories"]}


def _as_array(predictions: Predictions) -> np.ndarray:
    """(N, 7) float64: image id, x, y, width, height, score, category id."""
    images, boxes = predictions.images, predictions.bboxes
    return np.column_stack(
        [
            images.ids[predictions.image_index],
            boxes[:, :2],
            boxes[:, 2:] - boxes[:, :2],
            predictions.scores,
            images.category_ids[predictions.labels],
        ]
    )


def _mAP50_first(summary: dict[str, float]) -> dict[str, float]:
    return {"mAP50": summary["mAP50"], **summary}
