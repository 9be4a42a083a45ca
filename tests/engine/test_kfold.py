import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.engine.kfold import FUSION, Scores, differences, out_of_fold
from mmdet_trash.fusion import fuse
from mmdet_trash.predictions import ImageTable, Predictions
from tests.builders import coco


def part(truth, ids):
    """The images of these ids with their annotations."""
    return {
        **truth,
        "images": [image for image in truth["images"] if image["id"] in ids],
        "annotations": [a for a in truth["annotations"] if a["image_id"] in ids],
    }


def predicted(truth, seed, boxes=40):
    """Random boxes in the images of an annotation file."""
    random, images = np.random.default_rng(seed), ImageTable.from_coco(truth)
    corner = random.uniform(0, 40, (boxes, 2))
    bboxes = np.concatenate([corner, corner + random.uniform(10, 40, (boxes, 2))], axis=1)
    labels, scores = random.integers(2, size=boxes), random.random(boxes)
    return Predictions.from_columns(images, random.integers(len(images), size=boxes), labels, scores, bboxes)


def rows(predictions, file_name):
    here = predictions.of_image(predictions.images.file_names.index(file_name))
    return np.column_stack([predictions.labels[here], predictions.scores[here], predictions.bboxes[here]])


def test_out_of_fold_predictions_are_each_folds_own_and_the_truth_is_the_whole():
    truth = coco(9, [(i, i % 2, [i, 5, 30, 20]) for i in range(9)])
    parts = [part(truth, {k, k + 3, k + 6}) for k in (2, 0, 1)]
    found = [predicted(one, seed) for seed, one in enumerate(parts)]
    joined, pooled = out_of_fold(parts, found)
    assert joined == truth
    assert len(pooled) == sum(map(len, found))
    for one in found:
        for name in one.images.file_names:
            assert np.array_equal(rows(pooled, name), rows(one, name))


def test_an_image_out_of_several_bags_is_fused_and_one_in_every_bag_is_left_out():
    truth = coco(5, [(i, i % 2, [i, 5, 30, 20]) for i in range(5)])
    parts = [part(truth, ids) for ids in ({0, 1, 4}, {1, 2}, {1, 4})]
    found = [predicted(one, seed) for seed, one in enumerate(parts)]
    joined, pooled = out_of_fold(parts, found)
    assert [image["id"] for image in joined["images"]] == [0, 1, 2, 4]
    name = "train/{:04}.jpg".format
    assert np.array_equal(rows(pooled, name(0)), rows(found[0], name(0)))
    assert np.array_equal(rows(pooled, name(2)), rows(found[1], name(2)))
    for image, bags in ((1, (0, 1, 2)), (4, (0, 2))):
        alone = ImageTable.from_coco(part(truth, {image}))
        expected = fuse([found[bag].over(alone) for bag in bags], FUSION)
        assert np.array_equal(rows(pooled, name(image)), rows(expected, name(image)))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=1), inner),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_configs_differ_somewhere_exactly_when_they_are_not_equal(before, after):
    assert bool(list(differences(before, after))) == (before != after)


def test_a_difference_is_named_by_its_place():
    before = {"model": {"heads": [{"lr": 0.1}, {"lr": 0.1}]}, "old": 1, "scale": (2, 3)}
    after = {"model": {"heads": [{"lr": 0.1}, {"lr": 0.2}]}, "new": "x", "scale": (2, 3)}
    assert list(differences(before, after)) == [
        "model.heads.1.lr is 0.2, was 0.1",
        "new is 'x', was 'absent'",
        "old is 'absent', was 1",
    ]


def test_spread_is_the_standard_deviation_of_a_sample():
    scores = Scores((0.5, 0.6, 0.8), 0.7)
    assert scores.mean == pytest.approx(1.9 / 3)
    assert scores.spread == pytest.approx(
        np.sqrt(((0.5 - 1.9 / 3) ** 2 + (0.6 - 1.9 / 3) ** 2 + (0.8 - 1.9 / 3) ** 2) / 2)
    )
