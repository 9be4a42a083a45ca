import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.structures.bbox import HorizontalBoxes

from mmdet_trash.datasets.transforms.objects import BoxFilter, Objects, box_areas, clip_boxes, uncovered, warp_boxes
from mmdet_trash.errors import InputError

SIDE = 12


@st.composite
def integer_boxes(draw, smallest=1):
    """A box in a field of SIDE pixels, its sides at least `smallest`."""
    x1, y1 = (draw(st.integers(0, SIDE - smallest)) for _ in range(2))
    return [x1, y1, draw(st.integers(x1 + smallest, SIDE)), draw(st.integers(y1 + smallest, SIDE))]


@st.composite
def float_boxes(draw):
    x1, y1, width, height = (draw(st.floats(0, 100)) for _ in range(4))
    return [x1, y1, x1 + width, y1 + height]


small = st.floats(-0.3, 0.3)


@settings(max_examples=50)
@given(
    boxes=st.lists(float_boxes(), min_size=1, max_size=5),
    linear=st.tuples(small, small, small, small),
    move=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    tilt=st.tuples(st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3)),
)
def test_warped_boxes_are_those_around_opencvs_corners(boxes, linear, move, tilt):
    a, b, c, d = linear
    matrix = np.array([[1 + a, b, move[0]], [c, 1 + d, move[1]], [*tilt, 1]])
    warped = warp_boxes(np.array(boxes), matrix)
    for (x1, y1, x2, y2), got in zip(boxes, warped, strict=True):
        corners = np.array([[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]])
        moved = cv2.perspectiveTransform(corners, matrix)[0]
        np.testing.assert_allclose(got, [*moved.min(0), *moved.max(0)], atol=1e-6)


def test_no_boxes_warp_to_no_boxes():
    assert warp_boxes(np.zeros((0, 4)), np.eye(3)).shape == (0, 4)


@settings(max_examples=50)
@given(box=integer_boxes(), region=integer_boxes())
def test_a_clipped_box_holds_the_pixels_that_box_and_region_share(box, region):
    both = filled(box) & filled(region)
    clipped = clip_boxes(np.array([box], float), region)
    assert box_areas(clipped)[0] == both.sum()
    if both.any():
        assert clipped[0].tolist() == bounds(both)
    x1, y1, x2, y2 = clipped[0]
    assert region[0] <= x1 <= x2 <= region[2]
    assert region[1] <= y1 <= y2 <= region[3]


def test_a_box_turned_inside_out_has_no_area():
    assert box_areas(np.array([[5, 0, 2, 3], [5, 3, 2, 0], [0, 0, 2, 3.5]])).tolist() == [0, 0, 7]


def is_worth_keeping(box, area, min_size, min_visible, max_aspect):
    width, height = box[2] - box[0], box[3] - box[1]
    if min(width, height) < min_size or width * height < min_visible * area:
        return False
    return max(width, height) <= max_aspect * min(width, height)


@settings(max_examples=60)
@given(
    boxes=st.lists(st.tuples(integer_boxes(), st.integers(1, SIDE * SIDE)), max_size=6),
    min_size=st.sampled_from([0, 1, 2, 3.5]),
    # Halves and quarters are exact: a box right at the limit stays.
    min_visible=st.sampled_from([0, 0.25, 0.5, 1]),
    max_aspect=st.sampled_from([1, 2, 4.5, 20]),
)
def test_the_box_filter_keeps_what_is_large_visible_and_broad_enough(boxes, min_size, min_visible, max_aspect):
    left = np.array([box for box, _ in boxes], float).reshape(-1, 4)
    areas = np.array([area for _, area in boxes], float)
    limits = {"min_size": min_size, "min_visible": min_visible, "max_aspect": max_aspect}
    assert BoxFilter(**limits)(left, areas).tolist() == [
        is_worth_keeping(box, area, **limits) for box, area in zip(left, areas, strict=True)
    ]


@pytest.mark.parametrize(
    ("box", "area", "kept"),
    [([0, 0, 2, 2], 40, True), ([0, 0, 1.9, 9], 20, False), ([0, 0, 3, 3], 91, False), ([0, 0, 2, 41], 82, False)],
)
def test_the_box_filters_defaults(box, area, kept):
    assert BoxFilter()(np.array([box], float), np.array([area], float)).tolist() == [kept]


def filled(box):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def bounds(mask):
    """The tight box around the pixels of a mask."""
    y, x = np.nonzero(mask)
    return [x.min(), y.min(), x.max() + 1, y.max() + 1]


@settings(max_examples=200)
@given(boxes=st.lists(integer_boxes(), min_size=1, max_size=4), cover=integer_boxes(smallest=0))
def test_what_a_rectangle_leaves_of_a_box_is_the_tight_box_of_its_seen_pixels(boxes, cover):
    before = np.array(boxes, float)
    left, seen = uncovered(before, cover)
    assert before.tolist() == boxes
    for box, got, area in zip(boxes, left, seen, strict=True):
        pixels = filled(box) & ~filled(cover)
        assert area == pixels.sum()
        if pixels.any():
            assert got.tolist() == bounds(pixels)
        else:
            assert box_areas(got[None])[0] == 0


@pytest.mark.parametrize(
    ("cover", "left", "seen"),
    [
        ([0, 0, 6, 20], [6, 2, 10, 8], 24),
        ([2, 2, 10, 4], [2, 4, 10, 8], 32),
        ([0, 0, 6, 5], [2, 2, 10, 8], 36),
        ([4, 0, 6, 20], [2, 2, 10, 8], 36),
        ([20, 0, 30, 20], [2, 2, 10, 8], 48),
    ],
)
def test_a_box_is_cut_only_where_a_whole_side_is_covered(cover, left, seen):
    got, area = uncovered(np.array([[2, 2, 10, 8]], float), cover)
    assert (got.tolist(), area.tolist()) == ([left], [seen])


INSTANCES = [
    {"bbox": [1, 2, 3, 4], "bbox_label": 5, "ignore_flag": 0},
    {"bbox": [2, 2, 9, 8.5], "bbox_label": 0, "ignore_flag": 1},
]


def after_load_annotations():
    return {
        "instances": [],
        "gt_bboxes": HorizontalBoxes(torch.tensor([[1, 2, 3, 4], [2, 2, 9, 8.5]])),
        "gt_bboxes_labels": np.array([5, 0]),
        "gt_ignore_flags": np.array([False, True]),
    }


@pytest.mark.parametrize("results", [{"instances": INSTANCES}, after_load_annotations()])
def test_objects_are_found_before_and_after_load_annotations(results):
    objects = Objects.of(results)
    assert objects.bboxes.tolist() == [[1, 2, 3, 4], [2, 2, 9, 8.5]]
    assert objects.labels.tolist() == [5, 0]
    assert objects.ignored.tolist() == [False, True]
    put = {}
    objects.put_into(put)
    assert put["gt_bboxes"].tensor.tolist() == objects.bboxes.tolist()
    assert put["gt_bboxes_labels"].tolist() == [5, 0]
    assert put["gt_ignore_flags"].tolist() == [False, True]


def test_a_sample_without_objects_has_arrays_of_none():
    for results in ({"instances": []}, {}):
        objects = Objects.of(results)
        assert (len(objects), objects.bboxes.shape, objects.labels.shape) == (0, (0, 4), (0,))


@pytest.mark.parametrize("key", ["gt_masks", "gt_seg_map"])
def test_masks_are_refused(key):
    with pytest.raises(InputError, match="masks are not mixed or warped here"):
        Objects.of({**after_load_annotations(), key: None})


def test_objects_of_several_images_follow_in_order():
    objects = Objects.of({"instances": INSTANCES})
    both = Objects.concat([objects.select(np.array([1])), objects.moved(objects.bboxes + 1)])
    assert both.bboxes.tolist() == [[2, 2, 9, 8.5], [2, 3, 4, 5], [3, 3, 10, 9.5]]
    assert both.labels.tolist() == [0, 5, 0]
    assert both.ignored.tolist() == [True, False, True]
