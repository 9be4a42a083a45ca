import copy
import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper

from mmdet_trash.engine.hooks import SelfAdversarialHook
from mmdet_trash.engine.hooks.self_adversarial_hook import adversarial
from mmdet_trash.errors import InputError
from tests.models.tiny_detectors import batch, build, tiny_cfg

EPSILON = 4.0


@pytest.fixture
def data():
    """Two images of noise and bright boxes, as a data loader gives them."""
    return batch()


def detector(kind):
    torch.manual_seed(0)
    return build(tiny_cfg(kind)).train()


def loss_on(model, data):
    torch.manual_seed(1)
    prepared = model.data_preprocessor(copy.deepcopy(data), True)
    return model.parse_losses(model(**prepared, mode="loss"))[0].item()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["retina", "fcos", "cascade"])
def test_the_detector_does_worse_on_what_it_changed(kind, data):
    model = detector(kind)
    torch.manual_seed(1)
    # So small a step that the loss follows its gradient, whatever the weights.
    worse = adversarial(model, data, epsilon=0.02)
    assert loss_on(model, {**data, "inputs": worse}) > loss_on(model, data)
    changed = adversarial(model, data, EPSILON)
    for before, after in zip(data["inputs"], changed, strict=True):
        assert after.dtype == torch.float32 and after.shape == before.shape
        assert 0 < (after - before).abs().max() <= EPSILON
        assert after.min() >= 0 and after.max() <= 255
        assert ((after - before).abs() > 0).float().mean() > 0.5


def test_nothing_else_changes(data):
    model = detector("cascade")
    before = copy.deepcopy(model.state_dict())
    batch_before = copy.deepcopy(data)
    adversarial(model, data, EPSILON)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(data["inputs"], batch_before["inputs"], strict=True))
    for sample, old in zip(data["data_samples"], batch_before["data_samples"], strict=True):
        assert sample.metainfo == old.metainfo
        assert torch.equal(sample.gt_instances.bboxes, old.gt_instances.bboxes)


def test_one_tensor_of_images_is_as_a_list(data):
    model, found = detector("retina"), []
    for inputs in (data["inputs"], torch.stack(list(data["inputs"]))):
        torch.manual_seed(1)  # RoIs are sampled
        found.append(torch.stack(adversarial(model, {**data, "inputs": inputs}, EPSILON)))
    # Where the gradient is next to nothing, rounding may choose its sign.
    assert (found[0] == found[1]).float().mean() > 0.99


def runner_of(model, **state):
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    return SimpleNamespace(model=model, optim_wrapper=wrapper, seed=0, **{"iter": 0, **state})


def test_a_backbone_that_computes_again_in_the_backward_pass_is_as_another(data):
    found = []
    for again in (False, True):
        cfg = tiny_cfg("retina")
        cfg.backbone.with_cp = again
        torch.manual_seed(0)
        model = build(cfg).train()
        torch.manual_seed(1)
        found.append(torch.stack(adversarial(model, data, EPSILON)))
        assert all(weight.requires_grad for weight in model.parameters())
    assert (found[0] == found[1]).float().mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["retina", "cascade"])
def test_steps_on_changed_images_stay_finite(kind, data):
    model = detector(kind)
    runner, hook = runner_of(model), SelfAdversarialHook(prob=1.0, epsilon=EPSILON)
    for runner.iter in range(3):
        given = copy.deepcopy(data)
        hook.before_train_iter(runner, runner.iter, given)
        assert not torch.equal(given["inputs"][0], data["inputs"][0].float())
        losses = model.train_step(given, runner.optim_wrapper)
        assert math.isfinite(losses["loss"].item())


def test_how_often_and_the_same_after_resuming(data):
    hook = SelfAdversarialHook(prob=0.3)
    runner = runner_of(detector("retina"))
    due = []
    for runner.iter in range(1000):
        due.append(hook._due(runner))
    assert sum(due) / 1000 == pytest.approx(0.3, abs=0.05)
    assert hook._due(runner_of(runner.model, iter=500)) == due[500]
    never = copy.deepcopy(data)
    SelfAdversarialHook(prob=0.0).before_train_iter(runner, 0, never)
    assert torch.equal(never["inputs"][0], data["inputs"][0])


@pytest.mark.parametrize("wrong", [{"prob": 1.5}, {"prob": -0.1}, {"epsilon": 0}])
def test_an_argument_out_of_range_is_one_line(wrong):
    with pytest.raises(InputError, match=r"^SelfAdversarialHook: prob .* or epsilon .* is out of range$"):
        SelfAdversarialHook(**wrong)
