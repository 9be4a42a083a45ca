"""Fusion by ensemble-boxes itself, image by image: what the compiled functions are held to."""

import warnings
from collections.abc import Sequence

import ensemble_boxes
import numpy as np
from ensemble_boxes.ensemble_boxes_nms import cpu_soft_nms_float, prepare_boxes

from mmdet_trash.errors import InputError
from mmdet_trash.fusion.plan import Plan
from mmdet_trash.fusion.settings import FusionSettings
from mmdet_trash.predictions import Predictions

Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
KNOWN = ("avg", "max", "box_and_model_avg", "absent_model_aware_avg")


def fuse_images(
    models: Sequence[Predictions], settings: FusionSettings, plan: Plan
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fuse all images; what `mmdet_trash.fusion.kernels.fuse_images` gives.

    Raises:
        InputError: for a setting that the library does not have.
    """
    ours = [name for name in ("one_vote", "decay_sigma", "absent_score") if getattr(settings, name)]
    if settings.conf_type not in KNOWN:
        ours.append(f"conf_type {settings.conf_type}")
    if ours:
        raise InputError(f"backend reference does not know {ours[0]}; backend numba does")
    results = [_fuse_image(models, settings, plan, image) for image in range(len(models[0].images))]
    nothing = (np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    boxes, scores, labels = (np.concatenate(parts) for parts in zip(nothing, *results, strict=True))
    return np.array([len(found) for _, found, _ in results], np.int64), boxes, scores, labels


def _fuse_image(models: Sequence[Predictions], settings: FusionSettings, plan: Plan, image: int) -> Columns:
    size = np.tile(models[0].images.sizes[image], 2)
    results = []
    for label in range(len(plan.iou_thr)):
        weights = plan.weights[label]
        boxes, scores, labels, present = [], [], [], []
        for t, model in enumerate(models):
            rows = model.of_image(image)
            # Cut as the library cuts, which prints it; its NMS ends in an error where no box has an area.
            cut = (model.bboxes[rows] / size).clip(0, 1)
            solid = (cut[:, 2] - cut[:, 0]) * (cut[:, 3] - cut[:, 1]) != 0
            here = solid & (model.labels[rows] == label) & (model.scores[rows] >= plan.skip[label, t])
            if weights[t] > 0:
                boxes.append(cut[here])
                scores.append(model.scores[rows][here])
                labels.append(model.labels[rows][here])
                present.append(weights[t])
        if sum(map(len, scores)) == 0:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _call(settings, boxes, scores, labels, present, plan.iou_thr[label])
        keep = found[1] >= plan.final_thr[label]
        results.append([np.asarray(column, np.float64)[keep] for column in found])
    if not results:
        return np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64)
    boxes, scores, labels = (np.concatenate(parts) for parts in zip(*results, strict=True))
    order = np.argsort(-scores, kind="stable")[: plan.most]
    return boxes[order].clip(max=plan.border) * size, scores[order], labels[order].astype(np.int64)


def _call(
    settings: FusionSettings,
    boxes: list[np.ndarray],
    scores: list[np.ndarray],
    labels: list[np.ndarray],
    weights: list[float],
    iou_thr: float,
) -> Columns:
    if settings.method == "wbf":
        options = {"conf_type": settings.conf_type, "allows_overflow": settings.allows_overflow}
        return ensemble_boxes.weighted_boxes_fusion(boxes, scores, labels, weights, iou_thr, **options)
    if settings.method == "nmw":
        return ensemble_boxes.non_maximum_weighted(boxes, scores, labels, weights, iou_thr)
    given = None if settings.weights is None else weights
    if settings.method == "nms":
        return ensemble_boxes.nms(boxes, scores, labels, iou_thr=iou_thr, weights=given)
    # The library's own soft-NMS gives back the scores from before; its inner function lets them sink in place.
    if given is not None:
        scores = [column * weight / np.sum(given) for column, weight in zip(scores, given, strict=True)]
    found = prepare_boxes(np.concatenate(boxes), np.concatenate(scores), np.concatenate(labels))
    sunk = found[1].copy()
    keep = cpu_soft_nms_float(found[0].copy(), sunk, 0.0, settings.sigma, settings.soft_thr, 2)
    return found[0][keep], sunk[sunk > settings.soft_thr], found[2][keep]
