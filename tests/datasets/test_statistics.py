"""A dataset's numbers: hand-counted, against loops, sums that must agree, and what is known of the real file."""

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_trash.annotations import load_annotations
from mmdet_trash.datasets.statistics import GRID, PERCENTILES, statistics
from tests.builders import coco

MIDDLE = GRID // 2


def test_a_dataset_counted_by_hand():
    """Images of 100x80: one with three boxes of two classes, one with a lone box, one empty."""
    content = coco(
        images=3,
        categories=(3, 1, 7),
        boxes=[
            (1, 7, [0, 0, 100, 80]),
            (0, 1, [0, 0, 20, 10]),
            (0, 3, [60, 40, 40, 40]),
            (0, 1, [0, 0, 10, 40]),
        ],
    )
    content["annotations"].append({"id": 9, "image_id": 2, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1})
    found = statistics(content)
    assert found.classes == ("class 1", "class 3", "class 7")
    assert (found.images, found.boxes, found.crowds, found.empty_images) == (3, 4, 1, 1)
    assert found.mean_objects == pytest.approx(4 / 3)
    assert found.objects_per_image.tolist() == [1, 1, 0, 1]
    assert found.classes_per_image.tolist() == [1, 1, 1, 0]
    assert found.class_boxes.tolist() == [2, 1, 1]
    assert found.class_images.tolist() == [1, 1, 1]
    assert found.sizes.tolist() == [[2, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert found.together.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    median = PERCENTILES.index(50)
    np.testing.assert_allclose(found.shares[:, median], [(0.025 + 0.05) / 2, 0.2, 1])
    np.testing.assert_allclose(found.shares[:, [0, -1]], [[0.02625, 0.04875], [0.2, 0.2], [1, 1]])
    np.testing.assert_allclose(found.aspect_ratios[:, median], [(2 + 0.25) / 2, 1, 1.25])
    assert found.lone_centres.sum() == found.lone_centres[2, MIDDLE, MIDDLE] == 1
    assert found.centres[1, GRID * 60 // 80, GRID * 80 // 100] == 1


def test_rows_of_a_map_run_down():
    found = statistics(coco(boxes=[(0, 0, [90, 0, 10, 8])]))
    assert np.argwhere(found.centres[0]).tolist() == [[GRID * 4 // 80, GRID * 95 // 100]]


def test_a_size_is_the_area_that_the_annotation_states_as_coco_has_it():
    content = coco(boxes=[(0, 0, [0, 0, 10, 10])] * 5)
    for annotation, area in zip(content["annotations"], [1023.9, 1024, 9215.9, 9216], strict=False):
        annotation["area"] = area
    del content["annotations"][4]["area"]
    assert statistics(content).sizes[0].tolist() == [2, 2, 1]


def test_boxes_are_cut_at_the_border_and_those_outside_have_no_shape():
    found = statistics(coco(boxes=[(0, 0, [-50, 40, 60, 80]), (0, 1, [120, -30, 5, 5]), (1, 0, [0, 0, 0, 10])]))
    np.testing.assert_allclose(found.shares[0], 10 * 40 / 8000)
    np.testing.assert_allclose(found.aspect_ratios[0], 0.25)
    assert np.isnan(found.shares[1]).all() and np.isnan(found.aspect_ratios[1]).all()
    assert found.class_boxes.tolist() == [2, 1]
    assert np.argwhere(found.centres[1]).tolist() == [[0, GRID - 1]]


@pytest.mark.parametrize(
    ("content", "images", "classes"),
    [
        (coco(boxes=[]), 2, 2),
        (coco(images=0, boxes=[]), 0, 2),
        ({"images": coco()["images"]}, 2, 10),
        ({"images": [], "annotations": None, "categories": []}, 0, 10),
    ],
)
def test_without_boxes_all_counts_are_zero(content, images, classes):
    found = statistics(content)
    assert (found.images, found.boxes, len(found.classes)) == (images, 0, classes)
    assert found.objects_per_image.tolist() == [images] and found.empty_images == images
    assert found.classes_per_image.tolist() == [images] + [0] * classes
    for counts in (found.class_boxes, found.sizes, found.centres, found.together):
        assert len(counts) == classes and not counts.any()
    assert np.isnan(found.shares).all()
    assert np.isnan(found.mean_objects) == (images == 0)


SIDE = st.integers(1, 60)
BOX = st.tuples(st.integers(0, 3), st.sampled_from([2, 5, 6]), st.tuples(SIDE, SIDE, SIDE, SIDE).map(list))


@given(st.lists(BOX, max_size=12))
@settings(max_examples=30)
def test_sums_agree_and_loops_find_the_same(boxes):
    found = statistics(coco(images=5, boxes=boxes, categories=(5, 2, 6)))
    ids = (2, 5, 6)
    held = [{ids.index(c) for i, c, _ in boxes if i == image} for image in range(5)]
    alone = [image for image, many in Counter(i for i, *_ in boxes).items() if many == 1]
    assert found.class_boxes.tolist() == [sum(c == own for _, c, _ in boxes) for own in ids]
    assert found.together.tolist() == [[sum({a, b} <= own for own in held) for b in range(3)] for a in range(3)]
    assert found.objects_per_image.sum() == found.classes_per_image.sum() == 5
    assert found.objects_per_image @ np.arange(len(found.objects_per_image)) == len(boxes)
    assert found.classes_per_image @ np.arange(4) == found.class_images.sum()
    assert found.lone_centres.sum() == len(alone)
    for counts in (found.sizes, found.centres.reshape(3, -1)):
        np.testing.assert_array_equal(counts.sum(1), found.class_boxes)
    has = found.class_boxes > 0
    assert (np.diff(found.shares[has]) >= 0).all() and (np.diff(found.aspect_ratios[has]) >= 0).all()
    for label in np.flatnonzero(has):
        cuts = [
            ((min(100, x + w) - x) / 100 * (min(80, y + h) - y) / 80, (min(100, x + w) - x) / (min(80, y + h) - y))
            for _, c, (x, y, w, h) in boxes
            if c == ids[label]
        ]
        np.testing.assert_allclose(found.shares[label], np.percentile([share for share, _ in cuts], PERCENTILES))
        np.testing.assert_allclose(found.aspect_ratios[label], np.percentile([r for _, r in cuts], PERCENTILES))


def test_what_is_known_of_the_real_file(shared):
    content = load_annotations(shared / "data/competition/train.json")
    start = time.perf_counter()
    found = statistics(content)
    assert time.perf_counter() - start < 0.5
    assert (found.images, found.boxes, found.crowds, found.empty_images) == (4883, 23144, 0, 0)
    assert found.class_boxes.tolist() == [3966, 6352, 897, 936, 982, 2943, 1263, 5178, 159, 468]
    assert found.sizes.sum(0).tolist() == [313, 5194, 17637]
    assert round(found.mean_objects, 2) == 4.74
    assert len(found.objects_per_image) - 1 == 71
    assert found.centres.sum() == 23144
    assert found.lone_centres.sum() == found.objects_per_image[1]
    middle = slice(GRID // 4, 3 * GRID // 4)
    all_boxes, lone = (c.sum(0)[middle, middle].sum() / c.sum() for c in (found.centres, found.lone_centres))
    assert lone > all_boxes + 0.2, "an object that is alone stands in the middle"
