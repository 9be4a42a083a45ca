"""Objects of other images, or mirrored ones, pasted at their boxes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from tests.datasets.transforms.painted import (
    OBJECTS,
    assert_boxes_lie_in_the_image,
    assert_colours_lie_in_boxes,
    boxes_and_labels,
    paint,
    share_of_colour,
)

seeds = st.integers(0, 2**32 - 1)
indices = st.integers(0, 4)
edges = st.sampled_from(["rectangle", "soft"])
overlaps = st.sampled_from([0.0, 0.3, 1.0])
scales = st.tuples(st.floats(0.2, 1), st.floats(1, 4))


def own_boxes(painted, index):
    return [instance["bbox"] for instance in painted.info(index)["instances"]]


@settings(max_examples=60)
@given(seed=seeds, index=indices, edge=edges, scale=scales, max_overlap=overlaps)
def test_a_pasted_object_is_seen_in_its_box_only(painted, seed, index, edge, scale, max_overlap):
    step = {"type": "CopyPaste", "edge": edge, "scale": scale, "max_overlap": max_overlap}
    results = painted.sample(step, seed=seed, index=index)
    own = own_boxes(painted, index)
    assert len(own) <= len(results["gt_bboxes"]) <= len(own) + 5
    assert results["gt_bboxes"].tensor[: len(own)].tolist() == own
    assert_boxes_lie_in_the_image(results)
    assert_colours_lie_in_boxes(painted, results)


@settings(max_examples=60)
@given(seed=seeds, index=indices, edge=edges, scale=scales)
def test_without_overlap_every_box_is_full_of_its_object(painted, seed, index, edge, scale):
    step = {"type": "CopyPaste", "edge": edge, "scale": scale, "max_overlap": 0}
    results = painted.sample(step, seed=seed, index=index)
    boxes = boxes_and_labels(results)
    own = len(own_boxes(painted, index))
    for position, (box, label) in enumerate(boxes):
        # A soft edge is a tenth of a side wide, at either end.
        border = 2 + (0.1 * max(box[2:] - box[:2]) if edge == "soft" and position >= own else 0)
        assert share_of_colour(painted, results["img"], box, label, border) == 1


@settings(max_examples=60)
@given(seed=seeds, index=indices, max_overlap=st.sampled_from([0.0, 0.1, 0.3]))
def test_one_pasted_object_covers_no_more_of_another_than_allowed(painted, seed, index, max_overlap):
    step = {"type": "CopyPaste", "max_objects": 1, "max_overlap": max_overlap}
    results = painted.sample(step, seed=seed, index=index)
    for box, label in boxes_and_labels(results)[: len(own_boxes(painted, index))]:
        assert share_of_colour(painted, results["img"], box, label, border=0) >= 1 - max_overlap


@settings(max_examples=40)
@given(seed=seeds, scale=scales)
def test_a_pasted_object_keeps_its_shape_and_its_scale_is_in_range(painted, seed, scale):
    """Of images as large as the sample; an object too large for it is shrunk to fit."""
    step = {"type": "CopyPaste", "scale": scale, "max_overlap": 1}
    boxes = boxes_and_labels(painted.sample(step, seed=seed, index=0))[4:]
    for box, label in boxes:
        if label // 4 in (0, 1, 4):
            x1, y1, x2, y2 = own_boxes(painted, label // 4)[label % 4]
            before, after = np.array([x2 - x1, y2 - y1]), box[2:] - box[:2]
            most = min(scale[1], *(np.array([96, 80]) / before))
            assert (after >= np.minimum(scale[0] * before * 0.9, [96, 80]) - 2).all()
            assert (after <= most * before * 1.1 + 2).all()


@pytest.mark.parametrize("class_aware", [False, True])
def test_class_aware_pasting_takes_each_class_as_often(tmp_path, class_aware):
    """One object in twenty is of class 0."""
    skewed = paint(tmp_path, [0] + [1] * (OBJECTS - 1))
    transform = skewed.transform(type="CopyPaste", class_aware=class_aware, max_objects=1)
    empty = {"img_path": "", "img": np.zeros((80, 96, 3), np.uint8), "instances": []}
    np.random.seed(0)
    counts = Counter(label for _ in range(600) for label in transform(empty)["gt_bboxes_labels"].tolist())
    assert counts.total() == 600
    # Within four standard deviations.
    share = 1 / 2 if class_aware else 1 / OBJECTS
    assert abs(counts[0] - 600 * share) < 4 * np.sqrt(600 * share * (1 - share))


def with_object(bbox, ignore=0):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 60, 3)).astype(np.uint8)
    image.flags.writeable = False
    return {"img_path": "", "img": image, "instances": [{"bbox": bbox, "bbox_label": 3, "ignore_flag": ignore}]}


def test_an_object_beside_the_middle_is_mirrored_to_the_other_half(painted):
    sample = with_object([5, 8, 21, 20])
    results = painted.transform(type="MirrorPaste", share=1)(sample)
    assert results["gt_bboxes"].tensor.tolist() == [[5, 8, 21, 20], [39, 8, 55, 20]]
    assert results["gt_bboxes_labels"].tolist() == [3, 3]
    expected = sample["img"].copy()
    expected[8:20, 39:55] = expected[8:20, 5:21][:, ::-1]
    np.testing.assert_array_equal(results["img"], expected)


@pytest.mark.parametrize("sample", [with_object([20, 8, 42, 20]), with_object([5, 8, 21, 20], ignore=1)])
def test_an_object_in_the_middle_or_a_crowd_is_not_mirrored(painted, sample):
    results = painted.transform(type="MirrorPaste", share=1)(sample)
    assert len(results["gt_bboxes"]) == 1
    np.testing.assert_array_equal(results["img"], sample["img"])


def test_a_soft_edge_fades_into_the_image(painted):
    sample = with_object([0, 0, 20, 20])
    image = np.zeros((40, 60, 3), np.uint8)
    image[:20, :20] = 200
    results = painted.transform(type="MirrorPaste", share=1, edge="soft")({**sample, "img": image})
    across = results["img"][10, 40:, 0].astype(int)
    # A tenth of 20 pixels at either end: their centres are a quarter and three quarters of the way in.
    assert across.tolist() == [50, 150, *[200] * 16, 150, 50]
    assert results["img"][0, 40, 0] == 12  # round(200 / 16)


@settings(max_examples=60)
@given(seed=seeds, index=indices, edge=edges, share=st.floats(0, 1), max_overlap=overlaps)
def test_a_mirrored_object_is_seen_in_its_boxes_only(painted, seed, index, edge, share, max_overlap):
    step = {"type": "MirrorPaste", "share": share, "edge": edge, "max_overlap": max_overlap}
    results = painted.sample(step, seed=seed, index=index)
    own = own_boxes(painted, index)
    width = results["img"].shape[1]
    assert len(results["gt_bboxes"]) <= len(own) + round(share * len(own))
    assert results["gt_bboxes"].tensor[: len(own)].tolist() == own
    for (x1, y1, x2, y2), label in boxes_and_labels(results)[len(own) :]:
        assert [width - x2, y1, width - x1, y2] == own[label % 4]
    assert_boxes_lie_in_the_image(results)
    assert_colours_lie_in_boxes(painted, results)


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        ({"type": "CopyPaste", "edge": "hard"}, "CopyPaste: edge 'hard' is unknown"),
        ({"type": "CopyPaste", "max_objects": 0}, "CopyPaste: max_objects 0 or scale"),
        ({"type": "CopyPaste", "scale": (2, 1)}, "is out of range"),
        ({"type": "MirrorPaste", "share": 1.5}, "MirrorPaste: share 1.5 is out of range"),
    ],
)
def test_an_argument_out_of_range_stops(painted, cfg, message):
    with pytest.raises(InputError, match=message):
        painted.transform(**cfg)
