"""The moving average of weights that a config adds: its settings, what is validated and saved, and how it resumes."""

import argparse
import inspect
import math
import signal
import subprocess
import sys
import time

import mmdet
import numpy as np
import pytest
import torch
from mmdet.models.layers.ema import ExpMomentumEMA
from mmengine.config import Config
from mmengine.hooks import Hook

from mmdet_trash.engine.arguments import add_run_arguments, config_of
from mmdet_trash.engine.averaging import average_checkpoints
from mmdet_trash.engine.checkpoint import load_local
from mmdet_trash.engine.config import load_config
from mmdet_trash.engine.runner import build_runner
from mmdet_trash.engine.runs import prepare_training
from tests.builders import ROOT
from tests.conftest import forget_runs
from tests.tiny import TINY

EMA_DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny_ema.py"
MOMENTUM, GAMMA = 0.0002, 4
# The average lags by a few steps, and no sampler draws at random among anchors and RoIs: MMEngine saves no state of
# the random numbers, so that a resumed run would draw others.
OPTIONS = [*TINY, f"custom_hooks.0.gamma={GAMMA}", "model.train_cfg.rpn.sampler.num=100000"]
OPTIONS += [f"model.train_cfg.rcnn.{stage}.sampler.num=100000" for stage in range(3)]


def test_momentum_gamma_and_buffers_are_as_rtmdet_has_them():
    ours = dict(Config.fromfile(ROOT / "configs" / "_base_" / "ema.py").custom_hooks[0])
    configs = next(path for path in mmdet.__path__ if "mmdet" in path) + "/.mim/configs"
    theirs = Config.fromfile(f"{configs}/rtmdet/rtmdet_l_8xb32-300e_coco.py").custom_hooks
    assert ours.pop("gamma") == inspect.signature(ExpMomentumEMA).parameters["gamma"].default
    assert ours in [dict(hook) for hook in theirs]


@pytest.mark.parametrize("base", ["cascade_rcnn/cascade-rcnn_r50_fpn_1x_trash", "fcos/fcos_r50_fpn_1x_trash"])
def test_one_line_adds_it_to_a_config_and_hooks_of_its_own_stay_beside_it(tmp_path, base):
    bases = [str(ROOT / "configs" / f"{name}.py") for name in (base, "_base_/ema")]
    (tmp_path / "mine.py").write_text(f"_base_ = {bases}\n")
    assert [hook.type for hook in load_config(str(tmp_path / "mine.py")).custom_hooks] == ["EMAHook"]
    with (tmp_path / "mine.py").open("a") as file:
        file.write("custom_hooks = [*_base_.custom_hooks, dict(type='ClassBalanceHook')]\n")
    hooks = load_config(str(tmp_path / "mine.py")).custom_hooks
    assert [hook.type for hook in hooks] == ["EMAHook", "ClassBalanceHook"]


class Recorder(Hook):
    """Keeps the weights after each step and those that each validation runs with."""

    priority = "LOWEST"

    def __init__(self):
        self.trained, self.validated = [], []

    def after_train_iter(self, runner, *_, **__):
        self.trained.append(copy_of(runner.model))

    def before_val_iter(self, runner, *_, **__):
        self.validated.append(copy_of(runner.model))


def copy_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.fixture(scope="module")
def recorded(synthetic, tmp_path_factory):
    """A training of two epochs of four steps and one batch of validation: its work dir and what was recorded."""
    parser = argparse.ArgumentParser()
    add_run_arguments(parser)
    cfg = config_of(parser.parse_args([str(EMA_DEMO), "--data-root", str(synthetic), *OPTIONS]))
    work_dir = tmp_path_factory.mktemp("ema")
    prepare_training(cfg, str(work_dir), from_scratch=True)
    forget_runs()
    runner = build_runner(cfg)
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    forget_runs()
    return work_dir, recorder


def moving_average(trained):
    """Equation of `ExpMomentumEMA`, in float64, of every step's floating-point tensors."""
    average = {name: tensor.double().numpy() for name, tensor in trained[0].items() if tensor.is_floating_point()}
    for step, weights in enumerate(trained[1:], 1):
        momentum = (1 - MOMENTUM) * math.exp(-(1 + step) / GAMMA) + MOMENTUM
        for name in average:
            average[name] = (1 - momentum) * average[name] + momentum * weights[name].double().numpy()
    return average


@pytest.mark.slow
def test_the_average_is_validated_and_saved(recorded):
    work_dir, recorder = recorded
    assert (len(recorder.trained), len(recorder.validated)) == (8, 2)
    for epoch, validated in enumerate(recorder.validated, 1):
        trained = recorder.trained[: 4 * epoch]
        for name, expected in moving_average(trained).items():
            np.testing.assert_allclose(validated[name].numpy(), expected, rtol=1e-4, atol=1e-6, err_msg=name)
        name = "roi_head.bbox_head.0.fc_cls.weight"
        assert (validated[name] - trained[-1][name]).abs().max() > 1e-5, "as trained is another thing"
        path = str(work_dir / f"epoch_{epoch}.pth")
        for raw, expected in ((False, validated), (True, trained[-1])):
            same_weights(average_checkpoints([path], raw=raw)["state_dict"], expected)
    (best,) = work_dir.glob("best_mAP50_epoch_*.pth")
    same_weights(load_local(str(best))["state_dict"], recorder.validated[int(best.stem[-1]) - 1])


def same_weights(found, expected):
    assert list(found) == list(expected)
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []


@pytest.mark.slow
def test_a_killed_run_ends_with_the_average_of_one_that_was_not(recorded, synthetic, tmp_path, tool):
    """kill -9 in the second epoch, then --resume: the same weights to the bit, averaged and as trained."""
    options = ["--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path]
    command = [sys.executable, "tools/train.py", *map(str, [EMA_DEMO, *options]), *OPTIONS]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        for line in process.stdout:
            if "Epoch(train) [2][1/4]" in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "last.pth").resolve().name == "epoch_1.pth"

    time.sleep(1)  # a second run of the same second would share the first one's log folder
    result = tool("train", EMA_DEMO, *options, "--resume", *OPTIONS)
    assert result.code == 0, result.err
    assert "going on from epoch_1.pth" in result.out
    whole, resumed = (load_local(str(work_dir / "epoch_2.pth")) for work_dir in (recorded[0], tmp_path))
    same_weights(resumed["state_dict"], whole["state_dict"])
    same_weights(resumed["ema_state_dict"], whole["ema_state_dict"])
    assert resumed["ema_state_dict"]["steps"] == 8
