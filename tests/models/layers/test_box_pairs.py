import pytest
import torch
from mmdet.structures.bbox import bbox_overlaps

from mmdet_trash.models.layers import BoxPairs
from tests.models.losses.pairs import SMOOTH, placed


@pytest.mark.parametrize("how", [*SMOOTH, "touching", "same"])
def test_lengths_and_areas_are_those_of_the_corners(how):
    pred, target = placed(how)
    pairs = BoxPairs.from_columns(pred.t(), target.t(), eps=1e-9)
    for name, expected in {
        "wh": (pred[:, 2:] - pred[:, :2]).t(),
        "delta_centre": (pred[:, :2] + pred[:, 2:] - target[:, :2] - target[:, 2:]).t() / 2,
        "overlap": (torch.minimum(pred[:, 2:], target[:, 2:]) - torch.maximum(pred[:, :2], target[:, :2])).t(),
        "enclosing": (torch.maximum(pred[:, 2:], target[:, 2:]) - torch.minimum(pred[:, :2], target[:, :2])).t(),
        "iou": bbox_overlaps(pred, target, is_aligned=True, eps=1e-9),
    }.items():
        torch.testing.assert_close(getattr(pairs, name), expected)


def test_all_pairs_of_two_lists_come_by_broadcasting():
    pred, target = placed("random", count=30)
    pairs = BoxPairs.from_columns(pred.t()[:, :, None], target[:20].t()[:, None], eps=1e-9)
    torch.testing.assert_close(pairs.iou, bbox_overlaps(pred, target[:20], eps=1e-9))


def test_scaled_boxes_keep_their_centres():
    pred, target = placed("random")
    pairs = BoxPairs.from_columns(pred.t(), target.t(), eps=1e-9)
    scaled = pairs.scaled(1.5)
    torch.testing.assert_close(scaled.delta_centre, pairs.delta_centre)
    torch.testing.assert_close(scaled.wh, 1.5 * pairs.wh)
    torch.testing.assert_close(scaled.wh_target, 1.5 * pairs.wh_target)
    torch.testing.assert_close(pairs.scaled(1.0).iou, pairs.iou)


def test_place_costs_no_precision():
    pred, target = (boxes.round().float() for boxes in placed("random"))
    near, far = (BoxPairs.from_columns((pred + shift).t(), (target + shift).t(), eps=1e-7) for shift in (0, 2**20))
    assert torch.equal(near.iou, far.iou) and torch.equal(near.diagonal2, far.diagonal2)
