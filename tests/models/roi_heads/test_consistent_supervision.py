"""Consistent supervision in every detector that has it; its loading and its absence are tested beside the detectors."""

import copy
import math
from statistics import mean

import pytest
import torch
from mmcv.ops import RoIAlign
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.roi_heads import ConsistentSupervision
from mmdet_trash.registry import MODELS
from tests.models.tiny_detectors import (
    BOXES,
    CHANNELS,
    CONFIGS,
    ONE_STAGE,
    TWO_STAGE,
    batch,
    build,
    head_cfg,
    head_of,
    lateral_losses,
    losses_of,
    tiny_cfg,
    total,
    without_supervision,
)

STRIDES = {kind: [4, 8, 16, 32] for kind in TWO_STAGE} | {kind: [8, 16, 32] for kind in ONE_STAGE}


def roi_layer_of(kind: str) -> tuple[int, int]:
    """Output size and sampling ratio: the main head's, or Faster R-CNN's where no main head has RoIs."""
    if kind in ONE_STAGE:
        return 7, 0
    layer = tiny_cfg(kind).roi_head.bbox_roi_extractor.roi_layer
    return layer.output_size, layer.sampling_ratio


def supervision_of(model: nn.Module) -> ConsistentSupervision:
    return head_of(model).consistent_supervision


def recorded_losses(model: nn.Module, monkeypatch) -> tuple[dict, tuple]:
    """A step's losses, and what its consistent supervision was given: laterals, sampling results and train_cfg."""
    calls, real = [], supervision_of(model).loss

    def record(*args):
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(supervision_of(model), "loss", record)
    losses = losses_of(model)
    (call,) = calls
    return losses, call


def own_losses(head: nn.Module, kind: str, laterals, results, train_cfg) -> dict[str, Tensor]:
    """The losses of a box head on the same RoIs of every lateral, pooled and classified once more, unweighted."""
    rois = torch.cat([torch.cat([torch.full((len(r.priors), 1), i), r.priors], 1) for i, r in enumerate(results)])
    targets = head.get_targets(results, train_cfg)
    (size, samples), losses = roi_layer_of(kind), {}
    for level, (lateral, stride) in enumerate(zip(laterals, STRIDES[kind], strict=True)):
        hidden = RoIAlign(size, 1 / stride, samples)(lateral, rois).flatten(1)
        for layer in head.shared_fcs:
            hidden = layer(hidden).relu()
        found = head.loss(head.fc_cls(hidden), head.fc_reg(hidden), rois, *targets)
        losses |= {f"lateral{level}.{name}": value for name, value in found.items()}
    return losses


@pytest.mark.parametrize("kind", CONFIGS)
def test_each_level_has_its_losses_by_name(kind):
    prefix = "s0." if kind == "cascade" else ""
    parts = ("loss_cls", "loss_bbox", "acc")
    expected = {f"{prefix}lateral{level}.{part}" for level in range(len(STRIDES[kind])) for part in parts}
    assert set(lateral_losses(losses_of(build(tiny_cfg(kind))))) == expected


@pytest.mark.parametrize("kind", CONFIGS)
def test_they_are_a_quarter_of_the_auxiliary_heads_own_on_the_same_rois(kind, monkeypatch):
    model = build(tiny_cfg(kind))
    losses, (laterals, results, train_cfg) = recorded_losses(model, monkeypatch)
    assert all(10 < len(result.priors) <= 48 for result in results)
    expected = own_losses(supervision_of(model).bbox_head, kind, laterals, results, train_cfg)
    found = {name.removeprefix("s0."): value for name, value in lateral_losses(losses).items()}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value * (0.25 if "loss" in name else 1), msg=name)


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_laterals_are_raw(kind, monkeypatch):
    model = build(tiny_cfg(kind))
    _, (laterals, _, _) = recorded_losses(model, monkeypatch)
    maps = model.backbone(model.data_preprocessor(batch(), training=True)["inputs"])
    convs = model.neck.lateral_convs
    assert len(laterals) == len(convs) == len(STRIDES[kind])
    for lateral, conv, feature in zip(laterals, convs, maps[-len(convs) :], strict=True):
        torch.testing.assert_close(lateral, conv(feature))


@pytest.mark.parametrize("kind", TWO_STAGE)
def test_the_rois_are_those_of_the_main_head(kind, monkeypatch):
    model = build(tiny_cfg(kind))
    head, given = model.roi_head, []
    real = head.bbox_loss

    def record(*args):
        given.append(args)
        return real(*args)

    monkeypatch.setattr(head, "bbox_loss", record)
    _, (_, results, train_cfg) = recorded_losses(model, monkeypatch)
    if kind == "cascade":
        assert [stage for stage, *_ in given] == [0, 1, 2]
        assert results is given[0][-1] and train_cfg is head.train_cfg[0]
    else:
        assert results is given[0][-1] and train_cfg is head.train_cfg


@pytest.mark.parametrize("kind", CONFIGS)
def test_twice_the_weight_is_twice_the_loss(kind):
    model, twice = build(tiny_cfg(kind)), build(tiny_cfg(kind, loss_weight=0.5))
    twice.load_state_dict(model.state_dict())
    losses, doubled = lateral_losses(losses_of(model)), lateral_losses(losses_of(twice))
    for name, value in losses.items():
        assert torch.equal(doubled[name], 2 * value if "loss" in name else value)


@pytest.mark.parametrize("kind", CONFIGS)
def test_an_empty_dict_asks_for_it_with_a_weight_of_a_quarter(kind):
    cfg = tiny_cfg(kind)
    model = build(cfg)
    del head_cfg(cfg).consistent_supervision["loss_weight"]
    default = build(cfg)
    default.load_state_dict(model.state_dict())
    expected = lateral_losses(losses_of(model))
    assert all(torch.equal(value, expected[name]) for name, value in lateral_losses(losses_of(default)).items())
    head_cfg(cfg).consistent_supervision = {}
    assert lateral_losses(losses_of(build(cfg))).keys() == expected.keys()


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_other_losses_are_the_same_without_it(kind):
    cfg = tiny_cfg(kind)
    model, without = build(cfg), build(without_supervision(cfg))
    without.load_state_dict(model.state_dict())
    losses, expected = losses_of(model), losses_of(without)
    assert set(losses) - set(lateral_losses(losses)) == set(expected)
    assert not lateral_losses(expected)
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_gradients_reach_every_lateral_and_the_auxiliary_head_and_no_other_head(kind):
    model = build(tiny_cfg(kind))
    total(lateral_losses(losses_of(model))).backward()
    supervised = "roi_head" if kind in TWO_STAGE else "bbox_head"
    for name, parameter in model.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.any())
        learns = ("neck.lateral_convs.", f"{supervised}.consistent_supervision.")
        if not name.startswith("backbone."):
            assert reached == name.startswith(learns), name
    assert model.backbone.conv1.weight.grad.any()


@pytest.mark.parametrize("kind", CONFIGS)
def test_each_level_alone_teaches_its_own_lateral(kind):
    model = build(tiny_cfg(kind))
    losses = losses_of(model)
    prefix = "s0." if kind == "cascade" else ""
    weights = [conv.conv.weight for conv in model.neck.lateral_convs]
    for level in range(len(weights)):
        loss = losses[f"{prefix}lateral{level}.loss_cls"] + losses[f"{prefix}lateral{level}.loss_bbox"]
        grads = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
        assert [grad is not None and bool(grad.any()) for grad in grads] == [i == level for i in range(len(weights))]


@pytest.mark.parametrize("kind", CONFIGS)
def test_one_auxiliary_head_is_shared_by_the_levels_and_apart_from_the_main_one(kind):
    model = build(tiny_cfg(kind))
    found = {key: tuple(value.shape) for key, value in supervision_of(model).named_parameters()}
    main = model.roi_head.bbox_head if kind in TWO_STAGE else None
    if main is None:
        shapes = {"shared_fcs.0": (64, CHANNELS * 49), "shared_fcs.1": (64, 64), "fc_cls": (11, 64), "fc_reg": (40, 64)}
        expected = {f"bbox_head.{name}.weight": shape for name, shape in shapes.items()}
        expected |= {f"bbox_head.{name}.bias": shape[:1] for name, shape in shapes.items()}
    else:
        main = main[0] if kind == "cascade" else main
        expected = {f"bbox_head.{key}": tuple(value.shape) for key, value in main.named_parameters()}
        own = {parameter.data_ptr() for parameter in supervision_of(model).parameters()}
        assert own.isdisjoint(parameter.data_ptr() for parameter in main.parameters())
    assert found == expected


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_auxiliary_head_may_differ_from_the_main_one(kind):
    cfg = tiny_cfg(kind, bbox_head={"fc_out_channels": 24})
    model = build(cfg)
    assert supervision_of(model).bbox_head.fc_cls.in_features == 24
    assert lateral_losses(losses_of(model))


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("boxes", [[(), BOXES[0]], [(), ()]], ids=["one image", "no image"])
def test_images_without_boxes_have_finite_losses(kind, boxes):
    model = build(tiny_cfg(kind))
    losses = losses_of(model, batch(boxes))
    assert len(lateral_losses(losses)) == 3 * len(STRIDES[kind])
    assert torch.isfinite(total(losses))
    total(losses).backward()
    grads = [parameter.grad for parameter in supervision_of(model).parameters()]
    assert all(grad is not None and torch.isfinite(grad).all() for grad in grads)
    if not any(boxes):
        assert all(value == 0 for name, value in lateral_losses(losses).items() if name.endswith("loss_bbox"))


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_auxiliary_head_begins_as_a_box_head_does(kind):
    cfg = tiny_cfg(kind, bbox_head={"fc_out_channels": 256})
    head, other = (supervision_of(build(cfg, seed)).bbox_head for seed in (0, 1))
    assert head.fc_cls.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert head.fc_reg.weight.std().item() == pytest.approx(0.001, rel=0.1)
    for layer in head.shared_fcs:
        bound = math.sqrt(6 / sum(layer.weight.shape))
        assert bound * 0.99 < layer.weight.abs().max() <= bound
    for layer, layer_other in zip(head.modules(), other.modules(), strict=True):
        if isinstance(layer, nn.Linear):
            assert not layer.bias.any()
            assert not torch.equal(layer.weight, layer_other.weight)


@pytest.mark.parametrize("kind", ["faster", "cascade"])
def test_configs_are_left_as_they_are(kind):
    cfg = tiny_cfg(kind)
    head = {**cfg.roi_head, "train_cfg": cfg.train_cfg.rcnn, "test_cfg": cfg.test_cfg.rcnn}
    before = copy.deepcopy(head)
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        first, second = MODELS.build(head), MODELS.build(head)
    assert head == before
    assert first.state_dict().keys() == second.state_dict().keys()


@pytest.mark.parametrize("kind", ["faster", "cascade"])
def test_more_laterals_than_strides_are_one_line(kind):
    model = build(tiny_cfg(kind, featmap_strides=[4, 8, 16]))
    with pytest.raises(InputError, match=r"^consistent_supervision: the neck gives 4 laterals") as error:
        losses_of(model)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["faster", "retina"])
def test_the_lateral_losses_fall_in_training(kind):
    model = build(tiny_cfg(kind))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    values = []
    for step in range(25):
        losses = losses_of(model, seed=step)
        values.append(float(total(lateral_losses(losses)).detach()))
        optimiser.zero_grad()
        total(losses).backward()
        optimiser.step()
    assert all(map(math.isfinite, values))
    assert mean(values[-3:]) < 0.6 * mean(values[:3])


@pytest.mark.parametrize("kind", ["faster", "cascade", "retina"])
def test_what_differs_is_merged_as_configs_are(kind):
    differs = {
        "bbox_head": {"loss_bbox": {"loss_weight": 3.0}, "loss_cls": {"_delete_": True, "type": "FocalLoss"}},
        "roi_layer": {"sampling_ratio": 3},
    }
    supervision = supervision_of(build(tiny_cfg(kind, **differs)))
    assert supervision.bbox_head.loss_bbox.loss_weight == 3.0
    assert type(supervision.bbox_head.loss_bbox) is type(supervision_of(build(tiny_cfg(kind))).bbox_head.loss_bbox)
    assert type(supervision.bbox_head.loss_cls).__name__ == "FocalLoss"
    assert all(layer.sampling_ratio == 3 for extract in supervision.roi_extractors for layer in extract.roi_layers)
    assert all(layer.output_size == (7, 7) or kind == "faster" for layer in supervision.roi_extractors[0].roi_layers)


@pytest.mark.parametrize("boxes", [BOXES, ((), ())])
def test_a_class_loss_of_other_names_is_learnt_under_them(boxes):
    seesaw = {"_delete_": True, "type": "SeesawLoss", "num_classes": 10, "loss_weight": 1.0}
    model = build(tiny_cfg("faster", bbox_head={"loss_cls": seesaw}))
    losses = lateral_losses(losses_of(model, batch(boxes)))
    assert {"lateral0.loss_cls_objectness", "lateral0.loss_cls_classes"} < losses.keys()
    assert "lateral0.loss_cls" not in losses
