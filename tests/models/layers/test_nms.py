from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmcv.ops import batched_nms, nms
from mmdet.models.layers import mask_matrix_nms, multiclass_nms

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import diou_nms, matrix_nms
from tests.models.losses.formulas import Pair, ratio
from tests.models.tiny_detectors import build, predictions_of, tiny_cfg


def crowd(count: int, objects: int = 12, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes about some objects, and scores with some equal ones."""
    generator = torch.Generator().manual_seed(seed)
    centres, sides = (
        200 * torch.rand(objects, 2, generator=generator),
        20 + 60 * torch.rand(objects, 2, generator=generator),
    )
    chosen = torch.randint(objects, (count,), generator=generator)
    centre = centres[chosen] + 8 * torch.randn(count, 2, generator=generator)
    half = sides[chosen] * torch.exp(0.2 * torch.randn(count, 2, generator=generator)) / 2
    return torch.cat([centre - half, centre + half], 1), (50 * torch.rand(count, generator=generator)).round() / 50


def slowly(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    """DIoU-NMS as the paper tells it: take the best box, remove those too close to it, and again."""
    waiting = sorted(range(len(boxes)), key=lambda i: -scores[i].item())
    kept = []
    while waiting:
        best = waiting.pop(0)
        kept.append(best)
        pairs = {i: Pair(boxes[best].tolist(), boxes[i].tolist()) for i in waiting}
        waiting = [i for i, pair in pairs.items() if pair.iou - ratio(pair.rho2, pair.c2) <= threshold]
    return kept


# Distance-IoU.


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_diou_nms_is_the_slow_one(count, threshold):
    boxes, scores = crowd(count)
    dets, keep = diou_nms(boxes, scores, threshold)
    assert keep.tolist() == slowly(boxes, scores, threshold)
    assert torch.equal(dets, torch.cat([boxes[keep], scores[keep, None]], 1))


WHOLE = st.integers(0, 12)
BOXES = st.lists(st.tuples(WHOLE, WHOLE, st.integers(0, 8), st.integers(0, 8), st.integers(0, 4)), max_size=20)


@given(boxes=BOXES, threshold=st.sampled_from([0.0, 0.1, 0.25, 0.5]))
def test_diou_nms_is_the_slow_one_on_boxes_that_touch_and_are_flat(boxes, threshold):
    boxes, scores = (
        torch.tensor([[x, y, x + w, y + h] for x, y, w, h, _ in boxes], dtype=torch.float32).reshape(-1, 4),
        torch.tensor([score / 4 for *_, score in boxes]),
    )
    assert diou_nms(boxes, scores, threshold)[1].tolist() == slowly(boxes, scores, threshold)


def test_diou_nms_keeps_an_object_that_stands_behind_another():
    boxes = torch.tensor([[0.0, 0, 40, 100], [0, 30, 40, 130], [2, 2, 42, 102]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    assert nms(boxes, scores, 0.5)[1].tolist() == [0]
    assert diou_nms(boxes, scores, 0.5)[1].tolist() == [0, 1]


SUPPRESSIONS = [partial(diou_nms, iou_threshold=0.5), matrix_nms]


@pytest.mark.parametrize("suppress", SUPPRESSIONS)
def test_the_best_come_first_and_no_more_than_are_asked_for(suppress):
    boxes, scores = crowd(200)
    dets, keep = suppress(boxes, scores)
    assert len(keep) > 9 and (dets[1:, 4] <= dets[:-1, 4]).all()
    assert torch.equal(suppress(boxes, scores, max_num=7)[1], keep[:7])


@pytest.mark.parametrize(("suppress", "limit"), zip(SUPPRESSIONS, ["score_threshold", "min_score"], strict=True))
def test_low_scores_are_dropped(suppress, limit):
    boxes, scores = crowd(200)
    dets, keep = suppress(boxes, scores)
    kept = suppress(boxes, scores, **{limit: 0.41})[1]
    assert 0 < len(kept) < len(keep)
    assert torch.equal(kept, keep[dets[:, 4] > 0.41])


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_a_threshold_that_is_no_share_is_refused(threshold):
    with pytest.raises(InputError, match=r"^iou_threshold: \S+ is given, 0 to 1 is right$"):
        diou_nms(*crowd(3), threshold)


# By class, as heads call it.


@pytest.mark.parametrize("split_thr", [10_000, 50])
def test_classes_do_not_suppress_each_other(split_thr):
    boxes, scores = crowd(300)
    boxes = boxes.round()  # mmcv moves each class to a place of its own, which rounds
    labels = torch.arange(300) % 4
    cfg = {"type": "diou_nms", "iou_threshold": 0.45, "split_thr": split_thr}
    dets, keep = batched_nms(boxes, scores, labels, cfg)
    of_class = [torch.nonzero(labels == label).flatten() for label in range(4)]
    expected = {own[i].item() for own in of_class for i in slowly(boxes[own], scores[own], 0.45)}
    assert set(keep.tolist()) == expected and len(keep) == len(expected)
    assert (dets[1:, 4] <= dets[:-1, 4]).all()
    agnostic = batched_nms(boxes, scores, labels, {**cfg, "class_agnostic": True, "split_thr": 10_000})[1]
    assert agnostic.tolist() == slowly(boxes, scores, 0.45)


@pytest.mark.parametrize("name", ["diou_nms", "matrix_nms"])
def test_a_head_has_it_from_multiclass_nms(name):
    boxes, scores = crowd(100)
    scores = torch.stack([scores, scores.flip(0), torch.zeros(100)], 1)
    options = {"iou_threshold": 0.5} if name == "diou_nms" else {}
    dets, labels = multiclass_nms(boxes, scores, 0.05, {"type": name, **options}, max_num=20)
    assert dets.shape == (20, 5) and set(labels.tolist()) == {0, 1}


NMS = [
    {"type": "diou_nms", "iou_threshold": 0.5},
    {"type": "matrix_nms"},
    {"type": "matrix_nms", "kernel": "linear"},
    {"type": "soft_nms", "iou_threshold": 0.5, "min_score": 0.01},
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cascade", "retina"])
@pytest.mark.parametrize("cfg", NMS, ids=lambda cfg: "-".join(map(str, cfg.values())))
def test_a_detectors_config_names_it(kind, cfg):
    model_cfg = tiny_cfg(kind)
    part = model_cfg.test_cfg if kind == "retina" else model_cfg.test_cfg.rcnn
    part.nms = cfg
    part.update(score_thr=0.001, max_per_img=50)
    predictions = predictions_of(build(model_cfg))
    assert sum(len(image["scores"]) for image in predictions) > 0
    for image in predictions:
        assert len(image["scores"]) <= 50 and (image["scores"][1:] <= image["scores"][:-1]).all()


# Matrix NMS.


@pytest.mark.parametrize(("kernel", "sigma"), [("gaussian", 2.0), ("gaussian", 0.5), ("linear", 2.0)])
def test_matrix_nms_is_that_of_masks_in_the_boxes_shape(kernel, sigma):
    boxes, _ = crowd(60)
    boxes = boxes.clamp(min=0).round()
    scores = torch.rand(60, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(60, 320, 320)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
        mask[y1:y2, x1:x2] = 1
    labels = torch.arange(60) % 3
    expected, their_labels, _, kept = mask_matrix_nms(
        masks, labels, scores, filter_thr=0.05, nms_pre=50, max_num=40, kernel=kernel, sigma=sigma
    )
    cfg = {"type": "matrix_nms", "kernel": kernel, "sigma": sigma, "min_score": 0.05, "nms_pre": 50, "max_num": 40}
    dets, keep = batched_nms(boxes, scores, labels, cfg)
    assert torch.equal(keep, kept) and torch.equal(labels[keep], their_labels)
    torch.testing.assert_close(dets[:, 4], expected, rtol=1e-4, atol=1e-6)
    assert torch.equal(dets[:, :4], boxes[keep])


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
def test_matrix_nms_of_equal_boxes_is_a_number(kernel):
    dets, keep = matrix_nms(
        torch.tensor([[0.0, 0, 10, 10]]).expand(4, 4), torch.tensor([0.9, 0.8, 0.7, 0.6]), kernel, min_score=0
    )
    assert torch.isfinite(dets).all() and keep[0] == 0
    assert dets[1, 4] < 0.15


def test_matrix_nms_of_no_box():
    dets, keep = matrix_nms(torch.zeros(0, 4), torch.zeros(0))
    assert dets.shape == (0, 5) and keep.shape == (0,)


def test_matrix_nms_leaves_the_scores_it_was_given():
    boxes, scores = crowd(30)
    before = scores.clone()
    matrix_nms(boxes, scores)
    assert torch.equal(scores, before)


def test_an_unknown_kernel_is_refused():
    with pytest.raises(InputError, match=r"^kernel: 'cubic' is unknown, gaussian or linear is right$"):
        matrix_nms(*crowd(3), kernel="cubic")
