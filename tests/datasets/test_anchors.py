"""Anchors: how well they fit, against loops, and that fitting improves them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.datasets.anchors import anchor_fit, box_sizes, fit_anchors
from mmdet_trash.errors import InputError

SIDES = st.floats(1, 500, allow_nan=False)
PAIRS = st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=12).map(np.array)


@given(PAIRS, PAIRS, st.sampled_from([1.5, 4.0]))
def test_the_fit_is_what_a_loop_finds(sizes, anchors, ratio_thr):
    best, recalled, near = [], [], []
    for w, h in sizes:
        fits = [min(w / a, a / w, h / b, b / h) for a, b in anchors]
        enough = [fit for fit in fits if fit > 1 / ratio_thr * (1 + 1e-12)]
        if any(abs(fit * ratio_thr - 1) < 1e-9 for fit in fits):
            return  # at the threshold itself, the last bit decides
        best.append(max(enough, default=0))
        recalled.append(bool(enough))
        near.append(len(enough))
    found = anchor_fit(sizes, anchors, ratio_thr)
    expected = np.mean(best), np.mean(recalled), np.mean(near)
    assert (found.fitness, found.recall, found.per_box) == pytest.approx(expected)


def test_boxes_are_as_large_as_in_a_resized_image():
    coco = {
        "images": [{"id": 1, "width": 200, "height": 100}, {"id": 2, "width": 50, "height": 100}],
        "annotations": [
            {"image_id": 1, "bbox": [5, 5, 20, 10]},
            {"image_id": 2, "bbox": [5, 5, 20, 10]},
            {"image_id": 2, "bbox": [5, 5, 20, 10], "iscrowd": 1},
            {"image_id": 2, "bbox": [5, 5, 0, 10]},
            {"image_id": 2, "bbox": [60, 5, 20, 10]},
            {"image_id": 1, "bbox": [-30, 60, 50, 80]},
        ],
    }
    cut = [10, 20]
    np.testing.assert_allclose(box_sizes(coco, (100, 80)), [[10, 5], [16, 8], cut])
    coco["annotations"] = coco["annotations"][2:5]
    with pytest.raises(InputError, match="there are no boxes to fit anchors to"):
        box_sizes(coco, (100, 80))


@pytest.fixture(scope="module")
def sizes():
    """Boxes of three kinds of objects."""
    draw = np.random.default_rng(0)
    kinds = np.log([[20, 30], [100, 60], [300, 310]])
    return np.exp(np.concatenate([kind + 0.1 * draw.standard_normal((200, 2)) for kind in kinds]))


def test_it_finds_the_kinds_of_objects(sizes):
    np.testing.assert_allclose(fit_anchors(sizes, 3), [[20, 30], [100, 60], [300, 310]], rtol=0.03)


def test_a_seed_below_zero_is_one_line(sizes):
    with pytest.raises(InputError, match="seed: -1 is given, 0 or more is right"):
        fit_anchors(sizes, 3, seed=-1)


def test_evolution_improves_on_k_means_and_the_same_seed_finds_the_same(sizes):
    few, many = (fit_anchors(sizes, 5, generations=count) for count in (1, 500))
    assert anchor_fit(sizes, many).fitness > anchor_fit(sizes, few).fitness
    assert (np.diff(many.prod(1)) > 0).all()
    np.testing.assert_array_equal(many, fit_anchors(sizes, 5, generations=500))


def test_more_anchors_than_sizes_of_boxes_are_one_line():
    with pytest.raises(InputError, match="3 anchors are asked for, there are boxes of 2 sizes"):
        fit_anchors(np.array([[1.0, 2], [1, 2], [2, 2]]), 3)
