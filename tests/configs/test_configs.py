"""Every config builds, loads a batch, takes a step and predicts, at a tiny size."""

import copy
import io
import math
import re
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmdet_trash.engine import config as configs
from mmdet_trash.engine.runner import build_model, build_runner
from mmdet_trash.registry import MODELS
from tests.configs.narrow import narrow

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.py") if "_base_" not in path.parts)
RESIZING = {"Resize": "scale", "Mosaic": "img_scale", "RandomPerspective": "img_scale"}
NAMES = [str(path.relative_to(ROOT)) for path in CONFIGS]
SIDE, SIDE_OF_SSD = 96, 320
"""Of the images that a test feeds to a config's model, in pixels; SSD halves them eight times."""
BEYOND = 43
"""Pixels that centres may lie beyond the border where a head does not cut boxes: a cell of 32 px at 96 of 128."""


def first_line(name):
    return (ROOT / name).read_text().splitlines()[0]


def steps_of(pipeline):
    """Every transform of a pipeline, those inside others too."""
    for step in pipeline:
        if isinstance(step, list):
            yield from steps_of(step)
        else:
            yield step
            yield from steps_of([*step.get("transforms", []), *step.get("pre_transform", [])])


def sizes_in(pipeline):
    """What the resizing transforms of a pipeline resize to."""
    found = {step[RESIZING[step.type]] for step in steps_of(pipeline) if step.type in RESIZING}
    return found.union(*(step.scales for step in steps_of(pipeline) if step.type == "RandomChoiceResize"))


def defaults_of(name):
    """What a registered module takes when a config says nothing."""
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return {key: argument.default for key, argument in signature(MODELS.get(name)).parameters.items()}


@pytest.fixture(scope="session")
def shrink(synthetic, tmp_path_factory):
    def load(name, **options):
        cfg = configs.load_config(str(ROOT / name), options)
        configs.set_data_root(cfg, str(synthetic))
        configs.train_from_scratch(cfg)
        configs.set_classes(cfg, configs.classes_of(cfg, "train_dataloader"), "val_dataloader", "train.json")
        configs.fit_machine(cfg, "none")
        side = SIDE_OF_SSD if cfg.model.backbone.type == "SSDVGG" else SIDE
        for loader in configs.LOADERS:
            cfg[loader].update(batch_size=2, num_workers=0, persistent_workers=False)
            for step in steps_of(cfg[loader].dataset.pipeline):
                if step.type in RESIZING:
                    step[RESIZING[step.type]] = (side, side)
                elif step.type == "RandomChoiceResize":
                    step.scales = [(side, side)]
        cfg.vis_backends = cfg.visualizer.vis_backends = []
        cfg.work_dir = str(tmp_path_factory.mktemp("work"))
        return cfg

    return load


@pytest.fixture(scope="module", params=NAMES)
def stepped(request, shrink):
    """A config's runner after a training step, with what the step's losses and its weights before were."""
    cfg = shrink(request.param)
    if "demo" not in request.param:
        narrow(cfg)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "pretty_text", "")  # formatting the log takes longer than the step
        runner = build_runner(cfg)
    assert runner.train_loop is not None  # builds the data loader
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    unscaled = runner.optim_wrapper.param_groups[0]["lr"]
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    runner._init_model_weights()
    before = {key: value.detach().clone() for key, value in runner.model.named_parameters()}
    # As training does.
    runner.message_hub.update_info("epoch", 0)
    runner.message_hub.update_info("iter", 0)
    runner.optim_wrapper.zero_grad = lambda: None  # gradients stay, to be looked at
    losses = runner.model.train_step(next(iter(runner.train_dataloader)), runner.optim_wrapper)
    return SimpleNamespace(name=request.param, cfg=cfg, runner=runner, before=before, losses=losses, unscaled=unscaled)


@pytest.mark.slow
def test_a_config_trains_a_step(stepped):
    assert stepped.losses and all(math.isfinite(value.sum()) for value in stepped.losses.values())
    weights = stepped.runner.model.named_parameters()
    changed = [key for key, value in weights if not torch.equal(value, stepped.before[key])]
    assert len(changed) > len(stepped.before) / 2
    learned = [key for key, value in stepped.runner.model.named_parameters() if value.requires_grad]
    alone = [key for key in learned if stepped.runner.model.get_parameter(key).grad is None]
    assert alone == [], "no loss reaches it"


@pytest.mark.slow
def test_the_learning_rate_scales_with_the_batch(stepped):
    cfg = stepped.cfg
    scaled = cfg.auto_scale_lr.enable
    v7 = cfg.model.type == "YOLOv7" and "demo" not in stepped.name
    assert scaled != v7, "YOLOv7's loss is a sum over a step's images"
    factor = 2 / cfg.auto_scale_lr.base_batch_size if scaled else 1
    assert stepped.runner.optim_wrapper.param_groups[0]["lr"] == pytest.approx(stepped.unscaled * factor)


@pytest.mark.slow
def test_a_config_predicts_and_what_loads_its_weights_predicts_the_same(stepped):
    model = stepped.runner.model.eval()
    batch = next(iter(stepped.runner.build_dataloader(stepped.cfg.test_dataloader)))
    samples = model.test_step(copy.deepcopy(batch))
    assert len(samples) == 2
    for sample in samples:
        boxes = sample.pred_instances.bboxes
        assert boxes.shape == (len(sample.pred_instances.scores), 4)
        assert torch.isfinite(boxes).all()
        beyond = BEYOND if stepped.cfg.model.type in ("TOOD", "YOLOV3", "YOLOX") else 0
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        assert (centres >= -beyond).all() and (centres <= 128 + beyond).all(), "in pixels of the original image"
        assert beyond or ((boxes >= 0).all() and (boxes <= 128).all())

    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    loaded = build_model(stepped.cfg).eval()
    loaded.init_weights()
    missing, foreign = loaded.load_state_dict(torch.load(file, weights_only=True), strict=False)
    # In training DDQ's decoder takes the head's branches for its own too.
    assert not missing and all(key.startswith("decoder.aux_reg_branches") for key in foreign)
    for sample, again in zip(samples, loaded.test_step(batch), strict=True):
        for key in ("bboxes", "scores", "labels"):
            assert torch.equal(sample.pred_instances[key], again.pred_instances[key])


@pytest.mark.parametrize("name", NAMES)
def test_a_config_says_what_it_is(name):
    first = first_line(name)
    assert first.startswith("# ") and len(first) > 20


@pytest.mark.parametrize("name", [name for name in NAMES if "demo" not in name])
def test_images_of_1024_keep_their_size_unless_the_first_line_says_otherwise(name):
    cfg = configs.load_config(str(ROOT / name))
    stated = re.search(r" at (\d+) px", first_line(name))
    side = int(stated[1]) if stated else 1024
    trained, *tested = (sizes_in(cfg[loader].dataset.pipeline) for loader in configs.LOADERS)
    assert tested == [{(side, side)}] * 2
    assert min(trained) <= (side, side) <= max(trained)
    if cfg.model.type == "YOLOv7":
        assert cfg.model.bbox_head.img_size == side
    for augment in cfg.model.data_preprocessor.get("batch_augments") or []:
        low, high = augment.random_size_range
        assert low <= side <= high


@pytest.mark.parametrize("name", NAMES)
def test_no_initial_weights_are_left_without_them(name):
    cfg = configs.load_config(str(ROOT / name))
    configs.train_from_scratch(cfg)
    assert "Pretrained" not in str(cfg.model)
    backbone = {**defaults_of(cfg.model.backbone.type), **cfg.model.backbone}
    assert backbone.get("frozen_stages", -1) == -1 and not backbone.get("norm_eval")
    assert all(node.get("requires_grad", True) for node in configs.walk(cfg.model))


@pytest.mark.parametrize("name", NAMES)
def test_augmented_views_are_of_sizes_around_the_trained_one(name):
    cfg = configs.load_config(str(ROOT / name))
    (tested,) = sizes_in(cfg.test_dataloader.dataset.pipeline)
    sizes = sorted(sizes_in(cfg.tta_pipeline))
    assert sizes[0] < tested < sizes[-1]
    assert max(sizes[-1]) <= 1.5 * max(tested)


def test_accumulated_steps_count_into_the_batch(shrink):
    cfg = shrink(NAMES[0], **{"optim_wrapper.accumulative_counts": 4})
    assert cfg.auto_scale_lr.base_batch_size == 4
