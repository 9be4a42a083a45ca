"""Detectors with and without consistent supervision: the same in evaluation, and each loads the other's weights."""

import copy

import pytest
import torch
from mmdet.models import DetTTAModel
from mmengine.config import ConfigDict
from mmengine.runner import load_checkpoint
from torch import nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import Pyramid
from tests.models.tiny_detectors import (
    CONFIGS,
    batch,
    build,
    head_cfg,
    head_of,
    lateral_losses,
    losses_of,
    predictions_of,
    tiny_cfg,
    without_supervision,
)

BOX_KINDS = [kind for kind in CONFIGS if kind != "mask"]
"""What MMDetection can merge augmented views of."""


@pytest.fixture(params=CONFIGS)
def kind(request) -> str:
    return request.param


def pair(kind: str) -> tuple[nn.Module, nn.Module]:
    """A detector with consistent supervision, and one without it but with the same weights."""
    cfg = tiny_cfg(kind)
    model, without = build(cfg), build(without_supervision(cfg), seed=1)
    assert head_of(model).consistent_supervision is not None and head_of(without).consistent_supervision is None
    without.load_state_dict(model.state_dict(), strict=True)
    return model, without


def same_predictions(found: list[dict], expected: list[dict]) -> bool:
    """Whether all are the same, bit for bit, and there are some."""
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys() and len(ours["scores"]) > 0
        if not all(torch.equal(torch.as_tensor(ours[key]), torch.as_tensor(theirs[key])) for key in ours):
            return False
    return True


def forbid_laterals(model: nn.Module, monkeypatch) -> None:
    def refuse(*_):
        raise AssertionError("forward_with_laterals was called")

    monkeypatch.setattr(model.neck, "forward_with_laterals", refuse)


def images(model: nn.Module) -> torch.Tensor:
    return model.data_preprocessor(batch(), training=False)["inputs"]


def test_the_laterals_come_with_the_pyramid_in_training_only(kind):
    model, without = pair(kind)
    pyramid = model.extract_feat(images(model))
    assert isinstance(pyramid, Pyramid) and len(pyramid) == 5
    outs, laterals = model.neck.forward_with_laterals(model.backbone(images(model)))
    assert all(map(torch.equal, pyramid, outs)) and all(map(torch.equal, pyramid.laterals, laterals))
    assert len(pyramid.laterals) == len(laterals) == len(model.neck.lateral_convs)
    assert type(model.eval().extract_feat(images(model))) is tuple
    assert type(without.extract_feat(images(model))) is tuple


def test_a_pyramid_is_a_tuple_to_everyone_else():
    maps = [torch.rand(1, 2, 3, 4) for _ in range(5)]
    pyramid = Pyramid.of(iter(maps), iter(maps[:3]))
    assert isinstance(pyramid, tuple) and tuple(pyramid) == tuple(maps) and pyramid.laterals == tuple(maps[:3])
    assert type(pyramid[:4]) is tuple and pyramid[:4] == tuple(maps[:4])


def test_evaluation_never_asks_for_laterals(kind, monkeypatch):
    model, _ = pair(kind)
    forbid_laterals(model, monkeypatch)
    with pytest.raises(AssertionError, match="forward_with_laterals was called"):
        losses_of(model)
    model.eval()
    assert predictions_of(model)
    assert not lateral_losses(losses_of(model))
    with torch.no_grad():
        data = model.data_preprocessor(batch(), training=False)
        model(**data, mode="tensor")


def test_training_without_it_never_asks_for_laterals(kind, monkeypatch):
    _, without = pair(kind)
    forbid_laterals(without, monkeypatch)
    assert not lateral_losses(losses_of(without))


def test_predictions_are_the_same_with_and_without_it(kind):
    model, without = pair(kind)
    assert same_predictions(predictions_of(model), predictions_of(without))


@pytest.mark.parametrize("kind", BOX_KINDS)
def test_predictions_of_augmented_views_are_the_same_with_and_without_it(kind):
    flipped = batch()
    for i, sample in enumerate(flipped["data_samples"]):
        flipped["inputs"][i] = flipped["inputs"][i].flip(-1)
        sample.set_metainfo({"flip": True, "flip_direction": "horizontal"})
    views = {key: [value, flipped[key]] for key, value in batch().items()}
    merging = ConfigDict(nms={"type": "nms", "iou_threshold": 0.5}, max_per_img=100)
    model, without = (DetTTAModel(module=module, tta_cfg=merging) for module in pair(kind))
    merged = predictions_of(model, views)
    assert same_predictions(merged, predictions_of(without, views))
    assert not same_predictions(merged, predictions_of(model.module))


def test_weights_with_it_load_into_a_model_without_it(kind, tmp_path):
    model, without = pair(kind)
    given = model.state_dict()
    keys = list(given)
    without.load_state_dict(given, strict=True)
    assert list(given) == keys, "what was given to load is left as it is"
    expected = predictions_of(without)

    torch.save({"state_dict": given}, tmp_path / "with.pth")
    loaded = build(without_supervision(tiny_cfg(kind)), seed=2)
    load_checkpoint(loaded, str(tmp_path / "with.pth"), strict=True)
    assert all(torch.equal(value, given[key]) for key, value in loaded.state_dict().items())
    assert same_predictions(predictions_of(loaded), expected)


def test_weights_without_it_load_into_a_model_with_it_and_leave_the_auxiliary_head(kind, tmp_path):
    _, without = pair(kind)
    given = without.state_dict()
    keys = list(given)
    torch.save({"state_dict": given}, tmp_path / "without.pth")
    for load in (
        lambda model: model.load_state_dict(given, strict=True),
        lambda model: load_checkpoint(model, str(tmp_path / "without.pth"), strict=True),
    ):
        model = build(tiny_cfg(kind), seed=3)
        fresh = copy.deepcopy(head_of(model).consistent_supervision.state_dict())
        load(model)
        assert list(given) == keys, "what was given to load is left as it is"
        state = model.state_dict()
        assert all(torch.equal(state[key], value) for key, value in given.items())
        left = head_of(model).consistent_supervision.state_dict()
        assert len(left) == len(state) - len(given) == 8
        assert all(torch.equal(left[key], value) for key, value in fresh.items())


def test_weights_with_it_load_whole_into_a_model_with_it(kind):
    model = build(tiny_cfg(kind))
    other = build(tiny_cfg(kind), seed=4)
    other.load_state_dict(model.state_dict(), strict=True)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in other.state_dict().items())


@pytest.mark.parametrize("missing", ["fc_cls.weight", "shared_fcs.0.bias"])
def test_half_an_auxiliary_head_is_not_loaded_in_silence(kind, missing):
    state = build(tiny_cfg(kind)).state_dict()
    (key,) = [key for key in state if key.endswith(f"consistent_supervision.bbox_head.{missing}")]
    del state[key]
    with pytest.raises(RuntimeError, match="Missing key"):
        build(tiny_cfg(kind)).load_state_dict(state, strict=True)


def test_a_copy_learns_alike_and_apart(kind):
    model = build(tiny_cfg(kind))
    twin = copy.deepcopy(model)
    losses, expected = losses_of(twin), losses_of(model)
    assert all(torch.equal(losses[name], value) for name, value in lateral_losses(expected).items())
    for parameter in head_of(twin).consistent_supervision.parameters():
        parameter.data += 0.1
    assert all(torch.equal(value, expected[name]) for name, value in lateral_losses(losses_of(model)).items())


@pytest.mark.parametrize("neck", ["FPN", "mmdet.PAFPN"])
def test_a_neck_that_gives_no_laterals_is_named_when_the_model_is_built(kind, neck):
    cfg = tiny_cfg(kind)
    kept = ("in_channels", "out_channels", "num_outs", "start_level", "add_extra_convs")
    cfg.neck = {"type": neck, **{key: value for key, value in cfg.neck.items() if key in kept}}
    named = neck.removeprefix("mmdet.")
    with pytest.raises(
        InputError, match=rf"^consistent_supervision: neck {named} has no forward_with_laterals"
    ) as error:
        build(cfg)
    assert "\n" not in str(error.value)
    del head_cfg(cfg)["consistent_supervision"]
    assert build(cfg).neck is not None


def test_a_detector_that_hands_over_no_laterals_is_one_line_at_the_first_loss(kind):
    cfg = tiny_cfg(kind)
    cfg.type = f"mmdet.{cfg.type}"
    model = build(cfg)
    with pytest.raises(InputError, match=r"^consistent_supervision: the detector hands no laterals") as error:
        losses_of(model)
    assert "\n" not in str(error.value)
    assert predictions_of(model), "it predicts all the same"
