import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from mmdet_trash.fusion import kernels
from tests.fusion.boxes import random_lists

AWKWARD = [0.0, -0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 0.5, np.nextafter(0.5, 1), 1.0, 1e300, np.inf]


@pytest.mark.parametrize("magnitudes", [0, 12])
def test_the_pairwise_sum_has_the_bits_of_numpys(magnitudes: int) -> None:
    rng = np.random.default_rng(0)
    for count in [*range(301), 1000, 1024, 4097]:
        values = rng.random(count) * 10.0 ** rng.uniform(-magnitudes, magnitudes, count)
        assert kernels.pairwise_sum(values, count) == values.sum(), count


def test_the_pairwise_sum_leaves_what_stands_behind() -> None:
    values = np.random.default_rng(1).random(400)
    before = values.copy()
    for count in (0, 1, 7, 8, 9, 128, 129, 300):
        assert kernels.pairwise_sum(values, count) == values[:count].copy().sum()
    np.testing.assert_array_equal(values, before)


@given(
    st_numpy.arrays(
        np.float64, st.integers(0, 60), elements=st.sampled_from(AWKWARD) | st.floats(0, allow_infinity=True)
    )
)
def test_sorting_by_falling_score_is_a_stable_sort(scores: np.ndarray) -> None:
    before = scores.copy()
    order = kernels.by_falling_score(scores)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(order, np.argsort(-scores, kind="stable"))
    np.testing.assert_array_equal(scores, before)


def test_sorting_many_scores_by_falling_score_is_a_stable_sort() -> None:
    rng = np.random.default_rng(2)
    for scores in (rng.random(5000), rng.random(5000).astype(np.float32).astype(float), rng.integers(0, 20, 5000) / 20):
        np.testing.assert_array_equal(kernels.by_falling_score(scores), np.argsort(-scores, kind="stable"))


@given(st.lists(st.integers(0, 4), max_size=40), st.randoms(use_true_random=False))
def test_rows_by_label_keep_their_order_within_a_label(labels: list[int], random: object) -> None:
    order = list(range(len(labels)))
    random.shuffle(order)
    rows, starts = kernels.by_label(np.array(order, np.int64), np.array(labels, np.int64), 5)
    for label in range(5):
        assert rows[starts[label] : starts[label + 1]].tolist() == [row for row in order if labels[row] == label]
    assert (starts[0], starts[5]) == (0, len(labels))


def test_overlap_is_the_shared_share_of_the_union() -> None:
    def iou(a: list[float], b: list[float]) -> float:
        return kernels.overlap(np.array(a), np.array(b))

    assert iou([0, 0, 4, 4], [0, 0, 4, 4]) == 1
    assert iou([0, 0, 4, 4], [2, 0, 6, 4]) == 8 / 24
    assert iou([0, 0, 4, 4], [1, 1, 3, 3]) == 4 / 16
    assert iou([0, 0, 4, 4], [4, 0, 8, 4]) == 0, "they only touch"
    assert iou([0, 0, 4, 4], [5, 5, 8, 8]) == 0, "apart in both directions, which no product of two may turn round"


def test_what_nms_keeps_does_not_overlap_and_covers_what_it_drops() -> None:
    rng = np.random.default_rng(3)
    iou_thr = np.linspace(0.3, 0.7, 5)
    for _ in range(200):
        boxes, scores, labels = map(np.concatenate, random_lists(rng, inside=True))
        labels, scores = labels.astype(np.int64) % 5, scores.round(1)
        order = np.argsort(-scores, kind="stable")
        kept = kernels.nms(boxes, scores, labels, order, iou_thr)
        expected: list[int] = []
        for row in order:
            better = [k for k in expected if labels[k] == labels[row]]
            if all(kernels.overlap(boxes[row], boxes[k]) <= iou_thr[labels[row]] for k in better):
                expected.append(row)
        assert kept.tolist() == sorted(expected, key=lambda row: (-scores[row], labels[row]))
