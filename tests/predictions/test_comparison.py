import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.predictions import Predictions
from mmdet_trash.predictions.comparison import compare
from tests.builders import predictions, table

IMAGES = table(("a.jpg", "b.jpg", "c.jpg"))
ROWS = [(0, 1, 0.5, 1, 2, 3, 4), (0, 1, 0.4, 1, 2, 3, 4), (0, 2, 0.5, 1, 2, 3, 4), (2, 9, 0.1, 5, 5, 6, 6)]


def test_the_same_boxes_in_another_order_are_the_same_predictions() -> None:
    found = compare(predictions(IMAGES, ROWS), predictions(IMAGES, ROWS[::-1]))
    assert found.same
    assert found.reordered.tolist() == [True, False, False]
    assert found.in_both.tolist() == found.in_first.tolist() == [0, 2, 1, 0, 0, 0, 0, 0, 0, 1]
    assert (found.moved_scores, found.largest_step) == (0, 0.0)


def test_numbers_are_compared_as_float32() -> None:
    digits = [(0, 1, 0.1, 0.1, 0.2, 0.3, 0.4), (0, 1, 0.2, -0.0, 0, 1, 1)]
    exact = [(*row[:2], *np.float32(row[2:]).tolist()) for row in digits]
    found = compare(predictions(IMAGES, digits), predictions(IMAGES, [exact[0], (0, 1, exact[1][2], 0.0, 0, 1, 1)]))
    assert found.same and not found.reordered.any()


def test_a_box_too_many_counts_as_often_as_it_stands() -> None:
    found = compare(predictions(IMAGES, [ROWS[0]] * 3), predictions(IMAGES, [ROWS[0]] * 2))
    assert not found.same
    assert (found.in_first[1], found.in_second[1], found.in_both[1]) == (3, 2, 2)
    assert found.differing.tolist() == [True, False, False]


def test_boxes_of_one_place_are_paired_by_score_after_the_same_ones_are_out() -> None:
    place = (1, 2, 3, 4)
    first = predictions(IMAGES, [(1, 7, score, *place) for score in (0.75, 0.5, 0.25)] + [ROWS[3]])
    second = predictions(IMAGES, [(1, 7, score, *place) for score in (0.375, 0.75, 0.125)])
    found = compare(first, second)
    assert found.differing.tolist() == [False, True, True]
    assert (found.moved_scores, found.largest_step) == (2, 0.125)
    assert found.in_both[7] == 1


def test_nothing_is_the_same_as_nothing() -> None:
    assert compare(predictions(IMAGES), predictions(IMAGES)).same
    assert not compare(predictions(IMAGES), predictions(IMAGES, ROWS)).same


def test_other_images_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="different images or categories cannot be compared"):
        compare(predictions(IMAGES), predictions(table()))


SMALL = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 1),
        st.sampled_from([0.1, 0.2, 0.3]),
        *[st.sampled_from([0, 1])] * 2,
        st.just(5),
        st.just(6),
    ),
    max_size=8,
)


def plainly(first: Predictions, second: Predictions) -> tuple:
    """What a loop over images finds: the differing, the reordered, and how many boxes are in both."""
    differing, reordered, both = [], [], 0
    for image in range(3):
        boxes = []
        for found in (first, second):
            rows = found.of_image(image)
            boxes.append(
                [(*row,) for row in np.column_stack([found.labels, found.scores, found.bboxes])[rows].tolist()]
            )
        differing.append(sorted(boxes[0]) != sorted(boxes[1]))
        reordered.append(not differing[-1] and boxes[0] != boxes[1])
        both += sum(min(boxes[0].count(box), boxes[1].count(box)) for box in set(boxes[0]))
    return differing, reordered, both


@given(SMALL, SMALL, st.booleans())
def test_it_is_what_a_loop_over_the_images_finds(rows: list[tuple], others: list[tuple], shuffled: bool) -> None:
    first = predictions(IMAGES, rows)
    second = predictions(IMAGES, sorted(rows) if shuffled else others)
    found = compare(first, second)
    assert (found.differing.tolist(), found.reordered.tolist(), found.in_both.sum()) == plainly(first, second)
