from typing import Any

import numpy as np
import pytest

from mmdet_trash.evaluation.coco import SUMMARY, ground_truth
from mmdet_trash.evaluation.resampling import draws, weighted_summaries
from mmdet_trash.predictions import ImageTable, Predictions, from_annotations
from mmdet_trash.predictions.matching import TrueBoxes
from tests.builders import coco, predictions
from tests.evaluation.cases import judged
from tests.evaluation.test_coco import random_case


def summaries(content: dict[str, Any], found: Predictions, weights: Any) -> np.ndarray:
    truth = TrueBoxes.of(ground_truth(content, found.images), found.images)
    return weighted_summaries(truth, found, np.array(weights))


def copied(content: dict[str, Any], found: Predictions, weights: np.ndarray) -> tuple[dict[str, Any], Predictions]:
    """The images and all their boxes again and again, as often as the weights say."""
    images, annotations, columns = [], [], []
    for position, times in enumerate(weights.tolist()):
        image, rows = content["images"][position], found.of_image(position)
        for copy in range(times):
            new_id = 100 * image["id"] + copy
            columns += [(len(images), row) for row in range(rows.start, rows.stop)]
            images.append({**image, "id": new_id})
            annotations += [{**a, "image_id": new_id} for a in content["annotations"] if a["image_id"] == image["id"]]
    content = {**content, "images": images, "annotations": annotations}
    index, rows = np.array(columns).T
    columns = (found.labels[rows], found.scores[rows], found.bboxes[rows])
    return content, Predictions.from_columns(ImageTable.from_coco(content), index, *columns)


@pytest.mark.parametrize("seed", range(3))
def test_each_image_once_is_what_pycocotools_gives(seed: int) -> None:
    content, found = random_case(seed)
    expected = judged(content, found).stats
    ours = summaries(content, found, [np.ones(len(found.images), int)])
    np.testing.assert_allclose(ours[0], np.where(expected < 0, np.nan, expected), rtol=0, atol=1e-12)


def test_images_drawn_several_times_are_as_copies_of_them() -> None:
    content, found = random_case(0)
    # Among equal scores of an image the order of copies is another.
    scores = np.random.default_rng(0).permutation(len(found)) / len(found)
    found = Predictions(found.images, found.image_index, found.labels, scores, found.bboxes)
    weights = draws(len(found.images), 4, seed=1)
    assert weights.max() > 2 and weights.min() == 0
    ours = summaries(content, found, weights)
    for sample, weight in zip(ours, weights, strict=True):
        expected = judged(*copied(content, found, weight)).stats
        np.testing.assert_allclose(sample, np.where(expected < 0, np.nan, expected), rtol=0, atol=1e-12)


def test_a_sample_without_small_objects_has_no_figure_of_them() -> None:
    content = coco(size=(500, 500), boxes=[(0, 0, [0, 0, 20, 20]), (1, 0, [0, 0, 200, 200])])
    small = [name.endswith("_s") for name in SUMMARY]
    ours = summaries(content, from_annotations(content), [[1, 1], [0, 2], [0, 0]])
    assert np.isnan(ours[:, small]).all(axis=1).tolist() == [False, True, True]
    np.testing.assert_allclose(ours[:2, SUMMARY.index("mAP_l")], 1)
    assert np.isnan(ours[2]).all()


def test_draws_are_of_a_bootstrap() -> None:
    weights = draws(50, 4000, seed=0)
    assert (weights.sum(axis=1) == 50).all()
    # Binomial of 50 draws and a chance of 1/50 each.
    assert weights.mean(axis=0) == pytest.approx(1, abs=0.1)
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.02)
    np.testing.assert_array_equal(weights, draws(50, 4000, seed=0))
    assert (weights != draws(50, 4000, seed=1)).any()


def test_the_spread_is_the_bootstraps() -> None:
    """Of three images one is right, so a sample's recall is the share of three draws with a chance of 1/3 each.

    Its variance is 1/3 · 2/3 / 3. Without the repeats of a draw, as hotcoco's `compare` resamples, it would be a sixth
    less.
    """
    content = coco(images=3, categories=(0,), boxes=[(image, 0, [0, 0, 20, 20]) for image in range(3)])
    found = predictions(ImageTable.from_coco(content), [(0, 0, 0.9, 0, 0, 20, 20)])
    recall = summaries(content, found, draws(3, 4000, seed=0))[:, SUMMARY.index("AR100")]
    assert recall.mean() == pytest.approx(1 / 3, abs=0.02)
    assert recall.var() == pytest.approx(2 / 27, rel=0.05)
