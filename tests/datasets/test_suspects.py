"""Suspect boxes: each kind planted, against loops, and those known of the real file."""

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_trash.annotations import load_annotations
from mmdet_trash.datasets.suspects import SAME_IOU, Kind, Suspect, find_suspects
from tests.builders import coco


def found(boxes, **options):
    return [(s.kind, s.annotations, pytest.approx(s.amount)) for s in find_suspects(coco(boxes=boxes, **options))]


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([[10, 10, 30, 20], [10, 10, 30, 20]], [(Kind.DUPLICATE, (0, 1), 1)]),
        ([[10, 10, 30, 20], [10, 10, 30, 19]], [(Kind.DUPLICATE, (0, 1), 0.95)]),
        ([[10, 10, 30, 20], [10, 10, 30, 17]], []),
        ([[10, 10, 30, 3.9], [10, 40, 4, 4]], [(Kind.TINY, (0,), 3.9)]),
        ([[0, 0, 100, 76]], [(Kind.WHOLE_IMAGE, (0,), 0.95)]),
        ([[0, 0, 100, 75.9]], []),
        ([[-1.5, 5, 20, 20], [-1, 5, 40, 20]], [(Kind.OUTSIDE, (0,), 1.5)]),
        ([[80, 5, 20, 20], [30, 60, 20, 23]], [(Kind.OUTSIDE, (1,), 3)]),
        ([[0, 10, 84, 4], [0, 30, 80, 4]], [(Kind.SLIVER, (0,), 21)]),
        ([[10, 0, 3, 75]], [(Kind.TINY, (0,), 3), (Kind.SLIVER, (0,), 25)]),
        ([[150, 10, 30, 30]], [(Kind.TINY, (0,), 0), (Kind.OUTSIDE, (0,), 80)]),
    ],
)
def test_each_kind_is_found_as_itself_alone(boxes, expected):
    assert found([(1, 0, box) for box in boxes]) == expected


def test_boxes_of_one_place_are_told_apart_by_class_and_by_image():
    place = [10, 10, 30, 20]
    assert found([(0, 0, place), (0, 1, place)]) == [(Kind.TWO_CLASSES, (0, 1), 1)]
    assert found([(0, 0, place), (1, 0, place)]) == []


def test_three_of_one_place_are_three_pairs_and_points_without_area_are_compared():
    assert [pair for _, pair, _ in found([(0, 0, [10, 10, 30, 20])] * 3)] == [(0, 1), (1, 2), (0, 2)]
    points = found([(0, 0, [10, 10, 0, 0])] * 2 + [(0, 0, [11, 10, 0, 0])])
    assert [row for row in points if row[0] is Kind.DUPLICATE] == [(Kind.DUPLICATE, (0, 1), 1)]


def test_the_worst_stand_first():
    boxes = [[0, 0, 3, 3], [20, 20, 1, 5], [0, 0, 99, 80], [0, 0, 100, 80]]
    assert found([(0, 0, box) for box in boxes]) == [
        (Kind.DUPLICATE, (2, 3), 0.99),
        (Kind.TINY, (1,), 1),
        (Kind.TINY, (0,), 3),
        (Kind.WHOLE_IMAGE, (3,), 1),
        (Kind.WHOLE_IMAGE, (2,), 0.99),
    ]


def test_images_and_annotations_are_named_by_id_whatever_their_order():
    content = coco(images=3, boxes=[(2, 0, [5, 5, 9, 9]), (0, 0, [5, 5, 2, 9]), (1, 1, [0, 0, 9, 9])])
    for image in content["images"]:
        image["id"] += 40
    for annotation in content["annotations"]:
        annotation["image_id"] += 40
        annotation["id"] += 700
    content["images"].reverse()
    assert find_suspects(content) == [Suspect(Kind.TINY, 2, (701,), 2.0)]


def test_crowds_and_files_without_boxes_have_none():
    content = coco(boxes=[(0, 0, [5, 5, 2, 2])])
    content["annotations"][0]["iscrowd"] = 1
    assert find_suspects(content) == find_suspects(coco(boxes=[])) == find_suspects({"images": []}) == []


SIDE = st.integers(1, 12)
BOX = st.tuples(st.integers(0, 2), st.integers(0, 1), st.tuples(SIDE, SIDE, SIDE, SIDE).map(list))


@given(st.lists(BOX, max_size=14))
@settings(max_examples=30)
def test_loops_find_the_same_pairs(boxes):
    expected = Counter()
    for b, (image, label, (x, y, w, h)) in enumerate(boxes):
        for a, (other, its, (u, v, s, t)) in enumerate(boxes[:b]):
            inter = max(0, min(x + w, u + s) - max(x, u)) * max(0, min(y + h, v + t) - max(y, v))
            if image == other and inter >= SAME_IOU * (w * h + s * t - inter):
                expected[Kind.DUPLICATE if label == its else Kind.TWO_CLASSES, (a, b)] += 1
    suspects = find_suspects(coco(images=3, boxes=boxes))
    assert Counter((s.kind, s.annotations) for s in suspects if len(s.annotations) == 2) == expected


def test_what_is_known_of_the_real_file(shared):
    content = load_annotations(shared / "data/competition/train.json")
    start = time.perf_counter()
    suspects = find_suspects(content)
    assert time.perf_counter() - start < 1
    of_kind = {kind: [s for s in suspects if s.kind is kind] for kind in Kind}
    assert [s.image for s in of_kind[Kind.DUPLICATE] if s.amount == 1] == [4041]
    assert of_kind[Kind.TINY][0].annotations == (5159,)
    assert of_kind[Kind.TINY][0].amount == pytest.approx(0.7)
    assert sum(s.amount > 0.99 for s in of_kind[Kind.WHOLE_IMAGE]) == 44
    assert of_kind[Kind.OUTSIDE] == []
