"""Mosaics and single images through a random perspective: what a box says is what the pixels show."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from tests.datasets.transforms.painted import (
    KEEP_ALL,
    assert_boxes_lie_in_the_image,
    assert_colours_lie_in_boxes,
    boxes_and_labels,
    loaded,
    share_of_colour,
)

FRAME = (96, 80)
seeds = st.integers(0, 2**32 - 1)
grids = st.sampled_from([1, 2, 3])
upright = st.fixed_dictionaries({"translate": st.floats(0, 0.4), "scale": st.floats(0, 0.6)})
tilted = st.fixed_dictionaries(
    {
        "degrees": st.floats(0, 180),
        "shear": st.floats(0, 15),
        "perspective": st.floats(0, 1e-3),
        "translate": st.floats(0, 0.3),
        "scale": st.floats(0, 0.5),
    }
)


def step(grid, **kwargs):
    """A mosaic, or for a grid of one the perspective alone."""
    kwargs = {"img_scale": FRAME, **kwargs}
    return {"type": "RandomPerspective", **kwargs} if grid == 1 else {"type": "Mosaic", "grid": grid, **kwargs}


@settings(max_examples=60)
@given(seed=seeds, grid=grids, magnitudes=upright | tilted, index=st.integers(0, 4))
def test_an_object_is_seen_in_boxes_of_its_label_and_nowhere_else(painted, seed, grid, magnitudes, index):
    results = painted.sample(step(grid, boxes=KEEP_ALL, **magnitudes), seed=seed, index=index)
    assert results["img"].shape == (80, 96, 3)
    assert_boxes_lie_in_the_image(results)
    assert_colours_lie_in_boxes(painted, results)


@settings(max_examples=40)
@given(seed=seeds, grid=grids, magnitudes=upright, index=st.integers(0, 4))
def test_the_boxes_of_upright_mosaics_are_full_of_their_objects(painted, seed, grid, magnitudes, index):
    results = painted.sample(step(grid, **magnitudes), seed=seed, index=index)
    assert len(results["gt_bboxes"])
    for box, label in boxes_and_labels(results):
        assert share_of_colour(painted, results["img"], box, label) == 1


@settings(max_examples=40)
@given(seed=seeds, magnitudes=tilted, index=st.integers(0, 4))
def test_the_boxes_of_a_turned_image_are_tight(painted, seed, magnitudes, index):
    results = painted.sample(step(1, **magnitudes), seed=seed, index=index)
    for box, label in boxes_and_labels(results):
        if (box[:2] > 0).all() and (box[2:] < FRAME).all() and (box[2:] - box[:2] > 12).all():
            y, x = np.nonzero(painted.seen(results["img"], label))
            # Interpolation mixes colours at an edge, and most of all at a corner.
            np.testing.assert_allclose(box, [x.min(), y.min(), x.max() + 1, y.max() + 1], atol=3.5)


@settings(max_examples=30)
@given(seed=seeds, grid=grids, magnitudes=upright | tilted)
def test_boxes_keep_the_least_size_and_shape(painted, seed, grid, magnitudes):
    limits = {"min_size": 9.0, "min_visible": 0.0, "max_aspect": 1.5}
    kept = painted.sample(step(grid, boxes=limits, **magnitudes), seed=seed)
    every = painted.sample(step(grid, boxes=KEEP_ALL, **magnitudes), seed=seed)
    np.testing.assert_array_equal(kept["img"], every["img"])
    expected = []
    for box, label in boxes_and_labels(every):
        shorter, longer = sorted(box[2:] - box[:2])
        if shorter >= 9 and longer <= 1.5 * shorter:
            expected.append((box.tolist(), label))
    assert [(box.tolist(), label) for box, label in boxes_and_labels(kept)] == expected


@pytest.mark.parametrize("grid", [2, 3])
@settings(max_examples=30)
@given(seed=seeds, share=st.sampled_from([0.15, 0.5, 0.8]))
def test_boxes_keep_the_least_visible_share(painted, grid, seed, share):
    """Images as large as the frame, not scaled: the pixels that are seen can be counted."""
    images = [0, 1, 4]
    transform = painted.transform(**step(grid, scale=0, translate=0, boxes={**KEEP_ALL, "min_visible": share}))
    infos = [painted.info(i) for i in images]
    # The own image is 0; the others are drawn in turn, and only what is drawn once is counted.
    transform.images.draw = itertools.chain(infos[1:], itertools.repeat(infos[1])).__next__
    np.random.seed(seed)
    results = transform(infos[0])
    labels = results["gt_bboxes_labels"].tolist()
    whole = {0: areas_of(infos[0]), 4: areas_of(infos[2])}
    # A mosaic of nine is shown at half its size.
    pixels = 1 if grid == 2 else 0.25
    for index, areas in whole.items():
        for k, area in enumerate(areas):
            label = 4 * index + k
            seen = painted.seen(results["img"], label).sum() / (area * pixels)
            slack = 1e-9 if grid == 2 else 0.35
            if seen >= share + slack:
                assert label in labels
            if seen < share - slack:
                assert label not in labels


def areas_of(info):
    return [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (instance["bbox"] for instance in info["instances"])]


@pytest.mark.parametrize("grid", [1, 2, 3])
def test_what_is_not_mixed_fills_the_frame_alone(painted, grid):
    results = painted.sample(step(grid, prob=0, scale=0, translate=0), index=1)
    info = painted.info(1)
    np.testing.assert_array_equal(results["img"], loaded(info)["img"])
    assert results["gt_bboxes"].tensor.tolist() == [instance["bbox"] for instance in info["instances"]]


def test_a_mosaic_not_mixed_still_goes_through_the_perspective(painted):
    turned = painted.sample(step(3, prob=0, degrees=30), seed=1)
    assert {label for _, label in boxes_and_labels(turned)} <= {0, 1, 2, 3}
    assert_colours_lie_in_boxes(painted, painted.sample(step(3, prob=0, degrees=30, boxes=KEEP_ALL), seed=1))
    plain = painted.sample(step(3, prob=0, scale=0, translate=0))
    assert (turned["img"] != plain["img"]).any()


def test_the_perspective_keeps_the_images_size_where_no_other_is_said(painted):
    results = painted.sample({"type": "RandomPerspective", "degrees": 10}, index=2)
    assert results["img"].shape == (96, 80, 3)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"grid": 4}, "grid 4 is neither 2 nor 3"),
        ({"scale": 1.0}, "scale 1.0 is out of range"),
        ({"shear": 45}, "shear 45 is out of range"),
        ({"degrees": -1}, "degrees -1 is out of range"),
        ({"translate": float("nan")}, "translate nan is out of range"),
        ({"perspective": 0.1}, "perspective 0.1 is out of range"),
        ({"prob": 1.5}, "prob 1.5 is no probability"),
    ],
)
def test_a_magnitude_out_of_range_stops(painted, kwargs, message):
    with pytest.raises(InputError, match=f"Mosaic: {message}"):
        painted.transform(**{"type": "Mosaic", "img_scale": FRAME, **kwargs})
