import importlib
import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import DefaultScope

from mmdet_trash.errors import InputError
from mmdet_trash.models import losses
from mmdet_trash.models.losses import bbox_iou_loss
from mmdet_trash.models.losses.iou_losses import KINDS, BBoxIoULoss
from mmdet_trash.registry import MODELS
from tests.models.losses.formulas import FORMULAS, plain_gradient, plain_loss
from tests.models.losses.pairs import DEGENERATE, SMOOTH, placed

MODULES = {
    value.kind: value for value in vars(losses).values() if isinstance(value, type) and issubclass(value, BBoxIoULoss)
}
# Its package holds a function of the module's name.
THEIRS = importlib.import_module("mmdet.models.losses.iou_loss")
OPTIONS = {
    "siou": {"theta": 2.5},
    "mpdiou": {"img_shape": (480, 640)},
    "alpha_ciou": {"alpha": 1.7},
    "inner_ciou": {"ratio": 1.3},
    "focal_eiou": {"gamma": 1.2},
}
OF_EACH_KIND = [(kind, {}) for kind in KINDS] + list(OPTIONS.items())
HIGHEST = {
    "iou": 1,
    "giou": 2,
    "diou": 2,
    "ciou": 3,
    "eiou": 4,
    "siou": 3,
    "mpdiou": 3,
    "alpha_ciou": 3,
    "wiou": math.e,
    "inner_ciou": 4,
    "focal_eiou": 4,
}


@pytest.mark.parametrize(("kind", "options"), OF_EACH_KIND)
@pytest.mark.parametrize("how", [*SMOOTH, "touching", "same", *DEGENERATE])
def test_it_is_the_papers_formula(kind, options, how):
    pred, target = placed(how)
    loss = bbox_iou_loss(pred, target, kind, **options)
    expected = [plain_loss(kind, *pair, **options) for pair in zip(pred.tolist(), target.tolist(), strict=True)]
    assert loss.shape == (100,) and loss.dtype == torch.double
    torch.testing.assert_close(loss, torch.tensor(expected, dtype=torch.double), rtol=1e-9, atol=5e-7)


@pytest.mark.parametrize(("kind", "options"), OF_EACH_KIND)
@pytest.mark.parametrize("how", SMOOTH)
def test_the_gradient_is_the_papers(kind, options, how):
    pred, target = placed(how)
    pred.requires_grad_()
    (grad,) = torch.autograd.grad(bbox_iou_loss(pred, target, kind, **options).sum(), pred)
    expected = [plain_gradient(kind, *pair, **options) for pair in zip(pred.tolist(), target.tolist(), strict=True)]
    torch.testing.assert_close(grad, torch.tensor(expected, dtype=torch.double), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in ("ciou", "alpha_ciou", "wiou", "inner_ciou", "focal_eiou")]
)
@pytest.mark.parametrize("how", SMOOTH)
def test_gradients_of_kinds_without_coefficients_pass_gradcheck(kind, how):
    pred, target = placed(how, count=20)
    assert torch.autograd.gradcheck(
        lambda *pair: bbox_iou_loss(*pair, kind), (pred.requires_grad_(), target.requires_grad_())
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [*SMOOTH, "touching", "same"])
def test_float32_is_close_to_float64(kind, how):
    pred, target = (boxes.float() for boxes in placed(how))
    expected = bbox_iou_loss(pred.double(), target.double(), kind)
    torch.testing.assert_close(bbox_iou_loss(pred, target, kind).double(), expected, rtol=1e-5, atol=2e-6)


COORDINATES = st.floats(-500, 500, width=32)
SIDES = st.floats(0.5, 500, width=32)
BOXES = st.builds(lambda x, y, w, h: [x, y, x + w, y + h], COORDINATES, COORDINATES, SIDES, SIDES)


def of_two(kind: str, box: list[float], target: list[float], **options: object) -> float:
    return bbox_iou_loss(*(torch.tensor([each], dtype=torch.double) for each in (box, target)), kind, **options).item()


@pytest.mark.parametrize("kind", KINDS)
@given(box=BOXES, target=BOXES)
def test_which_box_is_the_target_does_not_matter(kind, box, target):
    assert of_two(kind, box, target) == pytest.approx(of_two(kind, target, box), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@given(box=BOXES, target=BOXES, scale=st.floats(0.1, 10), shift=COORDINATES)
def test_neither_scale_nor_place_nor_a_mirror_matters(kind, box, target, scale, shift):
    expected = of_two(kind, box, target)
    moved = ([scale * value + shift for value in each] for each in (box, target))
    assert of_two(kind, *moved) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    mirrored = ([-x2, y1, -x1, y2] for x1, y1, x2, y2 in (box, target))
    assert of_two(kind, *mirrored) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    turned = ([y1, x1, y2, x2] for x1, y1, x2, y2 in (box, target))
    assert of_two(kind, *turned) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(box=BOXES, target=BOXES)
def test_of_an_image_of_a_size_the_corners_of_mpdiou_know_the_scale(box, target):
    far = of_two("mpdiou", box, target, img_shape=(100, 100)) - of_two("iou", box, target)
    near = of_two("mpdiou", box, target, img_shape=(200, 200)) - of_two("iou", box, target)
    assert far == pytest.approx(4 * near)


@pytest.mark.parametrize("kind", KINDS)
@given(box=BOXES, target=BOXES)
def test_it_is_never_below_zero_nor_above_its_highest(kind, box, target):
    assert -1e-9 <= of_two(kind, box, target) <= HIGHEST[kind]


@given(box=BOXES, target=BOXES)
def test_each_term_only_adds(box, target):
    losses = {kind: of_two(kind, box, target) for kind in KINDS}
    for smaller, larger in (("iou", "giou"), ("iou", "diou"), ("diou", "ciou"), ("diou", "eiou"), ("iou", "siou")):
        assert losses[smaller] <= losses[larger] + 1e-12
    assert losses["iou"] <= losses["wiou"] + 1e-12 and losses["focal_eiou"] <= losses["eiou"] + 1e-6


@pytest.mark.parametrize("kind", KINDS)
@given(box=BOXES)
def test_the_same_box_twice_has_no_loss(kind, box):
    assert of_two(kind, box, box) <= 1e-6
    single = torch.tensor([box])
    assert bbox_iou_loss(single, single, kind).abs() <= 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("eps", [1e-6, 1e-7, 1e-16])
@pytest.mark.parametrize("how", [*DEGENERATE, "touching", "same"])
def test_degenerate_boxes_have_finite_losses_and_gradients(kind, eps, how):
    pred, target = (boxes.float().requires_grad_() for boxes in placed(how))
    loss = bbox_iou_loss(pred, target, kind, eps)
    assert torch.isfinite(loss).all()
    assert all(torch.isfinite(grad).all() for grad in torch.autograd.grad(loss.sum(), (pred, target)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", SMOOTH)
def test_boxes_in_shares_of_the_image_are_no_worse(kind, how):
    pred, target = (boxes.float() for boxes in placed(how))
    scale = 2.0**-17  # sides from 1.5e-5 on
    expected = bbox_iou_loss(pred, target, kind, eps=1e-6)
    found = bbox_iou_loss(scale * pred, scale * target, kind, eps=1e-6)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert bbox_iou_loss(scale * pred, scale * pred, kind, eps=1e-6).abs().max() <= 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("box", [[1000.0, 0, 0, 10], [0, 900, 10, 0], [20, 20, -10, -10], [10, 10, 0, 0]])
def test_a_box_that_is_inside_out_has_a_finite_loss_and_gradient(kind, box):
    pred = torch.tensor([box], dtype=torch.float32, requires_grad=True)
    loss = bbox_iou_loss(pred, torch.tensor([[0.0, 0, 10, 10]]), kind)
    assert torch.isfinite(loss).all() and torch.isfinite(torch.autograd.grad(loss, pred)[0]).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "iou"])
def test_boxes_apart_have_a_gradient_that_brings_them_nearer(kind):
    pred, target = (boxes.float() for boxes in placed("disjoint"))
    (grad,) = torch.autograd.grad(bbox_iou_loss(pred.requires_grad_(), target, kind).sum(), pred)
    assert grad.any(1).all()

    away = pred.detach()[:, :2] - target[:, :2]
    moved = (target + away.repeat(1, 2)).requires_grad_()
    (grad,) = torch.autograd.grad(bbox_iou_loss(moved, target, kind).sum(), moved)
    assert (((grad[:, :2] + grad[:, 2:]) * away).sum(1) > 0).all()


@pytest.mark.parametrize("mode", ["linear", "square", "log"])
def test_iou_alone_tells_boxes_apart_nothing(mode):
    pred, target = placed("disjoint")
    loss = bbox_iou_loss(pred.requires_grad_(), target, "iou", mode=mode)
    assert not torch.autograd.grad(loss.sum(), pred)[0].any()


@pytest.mark.parametrize("how", ["disjoint", "beside"])
def test_ciou_keeps_its_aspect_term_for_boxes_apart(how):
    pred, target = placed(how)
    added = bbox_iou_loss(pred, target, "ciou") - bbox_iou_loss(pred, target, "diou")
    theirs = THEIRS.ciou_loss(pred, target, reduction="none") - THEIRS.diou_loss(pred, target, reduction="none")
    assert (added > 0).all() and not theirs.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16])
def test_half_precision_is_computed_in_float32(kind, dtype):
    # Squares of such lengths are beyond what a half can hold.
    pred, target = (8 * boxes.to(dtype) for boxes in placed("disjoint"))
    pred.requires_grad_()
    loss = bbox_iou_loss(pred, target, kind)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, bbox_iou_loss(pred.float(), target.float(), kind))
    (grad,) = torch.autograd.grad(loss.sum(), pred)
    assert grad.dtype == dtype and torch.isfinite(grad).all()


def test_whole_numbers_are_boxes_too():
    boxes = torch.tensor([[0, 0, 10, 10]])
    assert bbox_iou_loss(boxes, torch.tensor([[5, 0, 15, 10]]), "iou").item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("kind", KINDS)
def test_no_box_is_zero_with_a_gradient(kind):
    pred = torch.zeros(0, 4, requires_grad=True)
    assert bbox_iou_loss(pred, torch.zeros(0, 4), kind).shape == (0,)
    for arguments in ({}, {"weight": torch.zeros(0)}, {"weight": torch.zeros(0, 4), "avg_factor": 1.0}):
        loss = MODULES[kind]()(pred, torch.zeros(0, 4), **arguments)
        assert loss.item() == 0
        (grad,) = torch.autograd.grad(loss, pred)
        assert grad.shape == (0, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_left_as_they_are(kind):
    pred, target = placed("random")
    before = pred.clone(), target.clone()
    bbox_iou_loss(pred, target, kind)
    assert torch.equal(pred, before[0]) and torch.equal(target, before[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3, 4), torch.zeros(3, 4), "cioo"), r"^kind: 'cioo' is unknown, one of iou, giou, .* is right$"),
        ((torch.zeros(3, 4), torch.zeros(2, 4), "iou"), r"^boxes: \(3, 4\) and \(2, 4\) are given, \(N, 4\) twice"),
        ((torch.zeros(3, 5), torch.zeros(3, 5), "iou"), r"\(3, 5\) and \(3, 5\)"),
        ((torch.zeros(4), torch.zeros(4), "iou"), r"\(4,\) and \(4,\)"),
    ],
)
def test_other_input_is_refused_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message):
        bbox_iou_loss(*arguments)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("iou", {"mode": "cubic"}, "mode: 'cubic' is unknown, one of linear, square, log is right"),
        ("siou", {"theta": 0.5}, "theta: 0.5 is given, 1 or more is right"),
        ("alpha_ciou", {"alpha": 0.5}, "alpha: 0.5 is given, 1 or more is right"),
        ("inner_ciou", {"ratio": 0}, "ratio: 0 is given, above 0 is right"),
        ("focal_eiou", {"gamma": -1}, "gamma: -1 is given, 0 or more is right"),
        ("wiou", {"version": 4}, "version: 4 is given, 1, 2 or 3 is right"),
        ("siou", {"neg_gamma": True}, "SIoULoss takes no argument 'neg_gamma'; mmdet.SIoULoss is MMDetection's"),
        ("focal_eiou", {"gama": 1}, "FocalEIoULoss takes no argument 'gama'"),
    ],
)
def test_a_wrong_option_is_refused_when_a_config_is_built(kind, options, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        MODULES[kind](**options)


# The modules.


def test_every_kind_has_a_module_and_a_formula():
    assert set(KINDS) == set(MODULES) == set(FORMULAS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_finds_the_module_by_its_name(kind):
    name = MODULES[kind].__name__
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        module = MODELS.build({"type": name, "loss_weight": 2.0, "reduction": "sum", "eps": 1e-5})
    assert type(module) is MODULES[kind]
    assert "loss_weight=2.0, reduction=sum, eps=1e-05" in repr(module)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "wiou"])
def test_a_module_takes_the_options_of_its_kind(kind):
    pred, target = placed("random")
    options = {**OPTIONS.get(kind, {}), **({"mode": "square"} if kind == "iou" else {})}
    module = MODULES[kind](reduction="none", eps=1e-7, **options)
    assert torch.equal(module(pred, target), bbox_iou_loss(pred, target, kind, **options))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("shape", [None, (100,), (100, 4)])
@pytest.mark.parametrize("avg_factor", [None, 7.0])
@pytest.mark.parametrize("override", [False, True])
def test_weights_and_reductions_are_mmdetections(reduction, shape, avg_factor, override):
    pred, target = placed("random")
    weight = None if shape is None else torch.rand(shape, generator=torch.Generator().manual_seed(1))
    own = {"reduction": "mean" if override else reduction, "loss_weight": 3.0}
    arguments = (pred, target, weight, avg_factor, reduction if override else None)
    ours, theirs = MODULES["giou"](**own), THEIRS.GIoULoss(**own)
    if avg_factor is not None and reduction == "sum":
        with pytest.raises(ValueError, match="avg_factor"):
            ours(*arguments)
        return
    torch.testing.assert_close(ours(*arguments), theirs(*arguments), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("how", [*SMOOTH, "touching"])
@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("iou", {}, {}),
        ("iou", {"mode": "linear"}, {"mode": "linear"}),
        ("iou", {"linear": True}, {"mode": "linear"}),
        ("iou", {"mode": "square"}, {"mode": "square"}),
        ("giou", {}, {}),
        ("diou", {}, {}),
        ("siou", {}, {"neg_gamma": True}),
    ],
)
def test_it_agrees_with_mmdetection_where_the_two_mean_the_same(kind, ours, theirs, how):
    pred, target = placed(how)
    their_class = getattr(THEIRS, MODULES[kind].__name__)
    found = MODULES[kind](reduction="none", **ours)(pred, target)
    expected = their_class(reduction="none", **theirs)(pred, target)
    if kind == "siou":
        found = found.clamp(max=2)  # theirs is cut off there
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_above_an_iou_of_a_half_ciou_is_mmdetections():
    pred, target = placed("random", count=400)
    close = bbox_iou_loss(pred, target, "iou") < 0.5
    assert 50 < close.sum() < 400
    theirs = THEIRS.CIoULoss(reduction="none")(pred, target)
    ours = MODULES["ciou"](reduction="none")(pred, target)
    torch.testing.assert_close(ours[close], theirs[close], rtol=1e-5, atol=1e-6)
    added = (ours - theirs)[~close]
    assert (added > -1e-6).all() and (added > 1e-3).any()


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_of_no_weight_give_no_gradient_whatever_they_are(kind):
    """Anchors that are background have weight 0 and the point (0, 0) for a target."""
    pred, target = (boxes.float() for boxes in placed("random"))
    target[::2], weight = 0, torch.ones(100)
    weight[::2] = 0
    grads = []
    for chosen in (slice(None), slice(1, None, 2)):
        leaf = pred.clone().requires_grad_()
        loss = MODULES[kind]()(leaf[chosen], target[chosen], weight[chosen], avg_factor=50)
        grads.append(torch.autograd.grad(loss, leaf)[0])
    torch.testing.assert_close(*grads)
    assert not grads[0][::2].any() and grads[0][1::2].any()
