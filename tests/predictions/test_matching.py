import numpy as np
import pytest

from mmdet_trash.evaluation.coco import ground_truth
from mmdet_trash.predictions import ImageTable
from mmdet_trash.predictions.matching import AREAS, FALSE, IGNORED, TrueBoxes, match
from tests.builders import coco, predictions
from tests.evaluation.cases import judged
from tests.evaluation.test_coco import random_case


@pytest.mark.parametrize("seed", range(3))
def test_boxes_find_what_pycocotools_says(seed: int) -> None:
    content, found = random_case(seed)
    evaluator = judged(content, found)
    truth = TrueBoxes.of(ground_truth(content, found.images), found.images)
    row_of = {int(annotation) + 1: row for row, annotation in enumerate(truth.annotations)}
    ours = {tuple(map(float, area)): match(truth, found, evaluator.params.iouThrs, area) for area in AREAS.values()}
    looked_at = 0
    for result in filter(None, evaluator.evalImgs):
        columns = np.array(result["dtIds"], int) - 1
        matches = np.array([[row_of.get(int(m), FALSE) for m in level] for level in result["dtMatches"]])
        theirs = np.where(result["dtIgnore"], IGNORED, matches)
        np.testing.assert_array_equal(ours[tuple(map(float, result["aRng"]))][:, columns], theirs)
        looked_at += len(columns)
    assert looked_at == 4 * len(found)


def test_true_boxes_are_in_the_images_order() -> None:
    content = coco(images=3, boxes=[(2, 0, [1, 1, 9, 9]), (0, 1, [2, 2, 9, 9]), (2, 1, [3, 3, 9, 9])])
    content["images"] = content["images"][::-1]
    images = ImageTable.from_coco(content)
    truth = TrueBoxes.of(ground_truth(content, images), images)
    assert truth.image_index.tolist() == [0, 0, 2]
    assert truth.annotations.tolist() == [0, 2, 1]
    assert truth.boxes_xywh[:, 0].tolist() == [1, 3, 2]


def test_the_101st_box_of_an_image_and_class_counts_neither_way() -> None:
    content = coco(boxes=[(0, 0, [0, 0, 20, 20])])
    images = ImageTable.from_coco(content)
    rows = [(0, 0, 0.9 - i / 1000, 50, 50, 60, 60) for i in range(100)] + [(0, 0, 0.1, 0, 0, 20, 20)]
    truth = TrueBoxes.of(ground_truth(content, images), images)
    assert match(truth, predictions(images, rows), np.array([0.5]))[0].tolist() == [FALSE] * 100 + [IGNORED]
    assert match(truth, predictions(images, rows[1:]), np.array([0.5]))[0].tolist() == [FALSE] * 99 + [0]


def test_an_overlap_of_exactly_the_threshold_is_enough_and_of_equals_the_last_is_found() -> None:
    content = coco(boxes=[(0, 0, [0, 0, 20, 20]), (0, 0, [0, 0, 20, 20])])
    images = ImageTable.from_coco(content)
    found = predictions(images, [(0, 0, 0.9, 0, 0, 20, 20), (0, 0, 0.8, 0, 0, 20, 10), (0, 0, 0.7, 0, 0, 20, 20)])
    truth = TrueBoxes.of(ground_truth(content, images), images)
    assert match(truth, found, np.array([0.5, 0.55])).tolist() == [[1, 0, FALSE], [1, FALSE, 0]]
