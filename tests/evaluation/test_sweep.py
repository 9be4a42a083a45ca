from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.evaluation import evaluate_coco
from mmdet_trash.evaluation.sweep import sweep
from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.predictions import ImageTable, Predictions, from_annotations
from tests.builders import coco, predictions
from tests.evaluation.test_coco import random_case


def test_a_case_counted_by_hand() -> None:
    content = coco(images=1, categories=(0,), boxes=[(0, 0, [0, 0, 20, 20]), (0, 0, [50, 50, 20, 20])])
    rows = [
        (0, 0, 0.9, 0, 0, 20, 20),  # right
        (0, 0, 0.8, 0, 0, 20, 12),  # IoU .6 with the first: a duplicate
        (0, 0, 0.3, 50, 50, 70, 70),  # right
    ]
    found = predictions(ImageTable.from_coco(content), rows)
    result = sweep(content, found, score_thrs=(0, 0.5, 0.85), nms_ious=(0.5, 0.7, None))
    assert result.boxes.tolist() == [[2, 3, 3], [1, 2, 2], [1, 1, 1]]
    # 51 of the 101 recalls are up to 1/2; beyond it two of three boxes are right where the duplicate stays.
    kept, dropped = (51 + 50 * 2 / 3) / 101, 51 / 101
    np.testing.assert_allclose(result.map50, [[1, kept, kept], [dropped] * 3, [dropped] * 3])


def case_in_large_images(seed: int) -> tuple[dict[str, Any], Predictions]:
    """One whose boxes lie within their images, since fusion cuts them there."""
    content, found = random_case(seed)
    for image in content["images"]:
        image.update(width=1000, height=1000)
    columns = (found.image_index, found.labels, found.scores, found.bboxes.clip(0))
    return content, Predictions.from_columns(ImageTable.from_coco(content), *columns)


def test_each_cell_is_the_figure_of_what_is_left() -> None:
    content, found = case_in_large_images(0)
    thresholds, ious = (0.1, 0.6), (0.3, None)
    result = sweep(content, found, thresholds, ious)
    for row, threshold in enumerate(thresholds):
        kept = found.select(found.scores >= threshold)
        for column, left in enumerate((fuse([kept], FusionSettings(method="nms", iou_thr=0.3)), kept)):
            assert result.boxes[row, column] == len(left)
            assert result.map50[row, column] == pytest.approx(evaluate_coco(content, left).summary["mAP50"], abs=1e-12)
    assert (result.boxes[0] > result.boxes[1]).all() and (result.boxes[:, 0] < result.boxes[:, 1]).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_lower_threshold_never_loses(seed: int) -> None:
    content, found = case_in_large_images(seed)
    result = sweep(content, found, (0, 0.1, 0.3, 0.5), (0.4, 0.7, None))
    assert (np.diff(result.map50, axis=0) <= 1e-12).all()
    assert (result.map50[0] > result.map50[-1]).all()


def test_boxes_are_cut_at_the_border_with_and_without_suppression() -> None:
    content = coco(images=1, categories=(0,), boxes=[(0, 0, [0, 0, 100, 40])])
    found = predictions(ImageTable.from_coco(content), [(0, 0, 0.9, -200, 0, 150, 40)])
    assert evaluate_coco(content, found).summary["mAP50"] == 0
    np.testing.assert_allclose(sweep(content, found, (0,), (0.5, None)).map50, [[1, 1]], rtol=1e-12)
    content, found = random_case(0)
    frames = np.tile(found.images.sizes[found.image_index], 2)
    cut = replace(found, bboxes=found.bboxes.clip(0, frames))
    assert (cut.bboxes != found.bboxes).any()
    result = sweep(content, found, (0, 0.3), (0.5, None))
    for column, left in enumerate((fuse([cut], FusionSettings(method="nms", iou_thr=0.5)), cut)):
        assert result.map50[0, column] == pytest.approx(evaluate_coco(content, left).summary["mAP50"], abs=1e-12)
        assert result.boxes[0, column] == len(left)


def test_nothing_to_find_is_refused() -> None:
    content = coco(boxes=())
    with pytest.raises(InputError, match="mAP is undefined"):
        sweep(content, from_annotations(content), (0,), (None,))
