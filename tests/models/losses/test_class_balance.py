import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from mmdet_trash.models.losses import effective_number_weights

COMPETITION = [3966, 6352, 897, 936, 982, 2943, 1263, 5178, 159, 468]
"""Boxes of each class."""


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999, 0.9999])
def test_a_weight_is_inverse_to_the_sum_of_what_each_further_sample_brings(beta):
    worth = [sum(beta**i for i in range(count)) for count in COMPETITION]  # the paper's effective number, term by term
    expected = np.array([1 / each for each in worth])
    np.testing.assert_allclose(effective_number_weights(COMPETITION, beta), expected / expected.mean(), rtol=1e-9)


def test_at_its_ends_beta_weighs_all_alike_or_by_the_counts():
    np.testing.assert_array_equal(effective_number_weights(COMPETITION, 0), np.ones(10))
    inverse = 1 / np.array(COMPETITION)
    np.testing.assert_allclose(effective_number_weights(COMPETITION, 1 - 1e-9), inverse / inverse.mean(), rtol=1e-4)


@given(counts=st.lists(st.integers(0, 10**6), min_size=1), beta=st.floats(0, 0.99999))
def test_the_mean_is_1_and_the_rarer_weighs_no_less(counts, beta):
    weights = effective_number_weights(counts, beta)
    assert np.isfinite(weights).all() and (weights > 0).all()
    assert weights.mean() == pytest.approx(1)
    order = np.argsort([count for count in counts if count])
    assert (np.diff(weights[np.array(counts) > 0][order]) <= 1e-9).all()


def test_a_class_without_boxes_leaves_the_others_as_they_are():
    np.testing.assert_array_equal(effective_number_weights([10, 0, 30])[[0, 2]], effective_number_weights([10, 30]))
    np.testing.assert_array_equal(effective_number_weights([0, 0]), [1, 1])


@pytest.mark.parametrize("beta", [-0.1, 1, 1.5, float("nan")])
def test_a_beta_out_of_range_is_refused(beta):
    with pytest.raises(InputError, match=r"^beta: \S+ is given, from 0 up to but not 1 is right$"):
        effective_number_weights([1, 2], beta)
