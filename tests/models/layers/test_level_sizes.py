import pytest
import torch

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import check_level_sizes


def maps(*sizes):
    return [torch.zeros(1, 1, *size) for size in sizes]


@pytest.mark.parametrize("sizes", [[], [(5, 7)], [(5, 7), (3, 4), (2, 2), (1, 1), (1, 1)], [(4, 1), (2, 1)]])
def test_maps_that_fall_pass(sizes):
    check_level_sizes("feats", maps(*sizes))


@pytest.mark.parametrize("sizes", [[(3, 4), (5, 7)], [(3, 7), (5, 4)], [(8, 3), (4, 7)]])
def test_a_map_that_is_higher_or_wider_than_the_one_before_is_named(sizes):
    with pytest.raises(InputError, match=r"feats: sizes .* should fall"):
        check_level_sizes("feats", maps(*sizes))
