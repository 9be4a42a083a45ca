"""Every config builds, loads a batch, takes a step and predicts, at a tiny size."""

import math
import re
from inspect import signature
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

from mmdet_trash.engine import config as configs
from mmdet_trash.engine.runner import build_model, build_runner
from mmdet_trash.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.py") if "_base_" not in path.parts)
RESIZING = {"Resize": "scale", "Mosaic": "img_scale", "RandomPerspective": "img_scale"}
NAMES = [str(path.relative_to(ROOT)) for path in CONFIGS]
OF_640 = ("yolov3", "yolov7", "yolox", "rtmdet")
"""Folders whose configs are of 640 px, unless their names say 1024."""

BEYOND = 43
"""Pixels that centres may lie beyond the border where a head does not cut boxes: a cell of 32 px at 96 of 128."""


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
    return {step[RESIZING[step.type]] for step in steps_of(pipeline) if step.type in RESIZING}


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
        for loader in configs.LOADERS:
            cfg[loader].update(batch_size=2, num_workers=0, persistent_workers=False)
            for step in steps_of(cfg[loader].dataset.pipeline):
                if step.type in RESIZING:
                    step[RESIZING[step.type]] = (96, 96)
        cfg.vis_backends = cfg.visualizer.vis_backends = []
        cfg.work_dir = str(tmp_path_factory.mktemp("work"))
        return cfg

    return load


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_config_trains_a_step_and_predicts(name, shrink):
    runner = build_runner(shrink(name))
    assert runner.train_loop is not None  # builds the data loader
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    runner._init_model_weights()
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.message_hub.update_info("iter", 0)  # as training does
    losses = runner.model.train_step(next(iter(runner.train_dataloader)), runner.optim_wrapper)
    assert losses and all(math.isfinite(value.sum()) for value in losses.values())
    changed = [key for key, value in runner.model.named_parameters() if not torch.equal(value, before[key])]
    assert len(changed) > len(before) / 2

    runner.model.eval()
    batch = next(iter(runner.build_dataloader(runner.cfg.test_dataloader)))
    samples = runner.model.test_step(batch)
    assert len(samples) == 2
    for sample in samples:
        boxes = sample.pred_instances.bboxes
        assert boxes.shape == (len(sample.pred_instances.scores), 4)
        assert torch.isfinite(boxes).all()
        beyond = BEYOND if runner.cfg.model.type in ("YOLOV3", "YOLOX") else 0
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        assert (centres >= -beyond).all() and (centres <= 128 + beyond).all(), "in pixels of the original image"
        assert beyond or ((boxes >= 0).all() and (boxes <= 128).all())


@pytest.mark.parametrize("name", NAMES)
def test_a_config_says_what_it_is(name):
    first = (ROOT / name).read_text().splitlines()[0]
    assert first.startswith("# ") and len(first) > 20


@pytest.mark.parametrize("name", [name for name in NAMES if Path(name).parent.name in OF_640])
def test_a_config_has_as_many_parameters_as_it_says(name):
    (stated,) = re.findall(r", (\d+\.\d) M parameters: ", (ROOT / name).read_text().splitlines()[0])
    cfg = configs.load_config(str(ROOT / name))
    with torch.device("meta"):
        parameters = build_model(cfg).parameters()
    assert float(stated) == round(sum(parameter.numel() for parameter in parameters) / 1e6, 1)


@pytest.mark.parametrize("name", [name for name in NAMES if "demo" not in name])
def test_images_of_1024_keep_their_size_where_640_is_not_the_names(name):
    cfg = configs.load_config(str(ROOT / name))
    side = 640 if Path(name).parent.name in OF_640 and "_1024_" not in name else 1024
    for loader in configs.LOADERS:
        assert sizes_in(cfg[loader].dataset.pipeline) == {(side, side)}
    if cfg.model.type == "YOLOv7":
        assert cfg.model.bbox_head.img_size == side
    for augment in cfg.model.data_preprocessor.get("batch_augments") or []:
        low, high = augment.random_size_range
        assert low <= side <= high


@pytest.mark.parametrize("name", NAMES)
def test_no_initial_weights_are_left_without_them(name):
    cfg = configs.load_config(str(ROOT / name))
    configs.train_from_scratch(cfg)
    assert "Pretrained" not in cfg.pretty_text
    backbone = {**defaults_of(cfg.model.backbone.type), **cfg.model.backbone}
    assert backbone["frozen_stages"] == -1 and backbone["norm_eval"] is False


@pytest.mark.parametrize("name", NAMES)
def test_the_learning_rate_scales_with_the_batch(name, shrink):
    cfg = shrink(name)
    runner = build_runner(cfg)
    assert runner.train_loop is not None  # builds the data loader
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    before = runner.optim_wrapper.param_groups[0]["lr"]
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    scaled = cfg.auto_scale_lr.enable
    assert scaled != (cfg.model.type == "YOLOv7" and "demo" not in name), "YOLOv7's loss is a sum over a step's images"
    factor = 2 / cfg.auto_scale_lr.base_batch_size if scaled else 1
    assert runner.optim_wrapper.param_groups[0]["lr"] == pytest.approx(before * factor)


@pytest.mark.parametrize("name", NAMES)
def test_augmented_views_are_of_sizes_around_the_trained_one(name):
    cfg = configs.load_config(str(ROOT / name))
    (trained,) = sizes_in(cfg.train_dataloader.dataset.pipeline)
    sizes = sorted(sizes_in(cfg.tta_pipeline))
    assert trained in sizes and sizes[0] < trained < sizes[-1]
    assert max(sizes[-1]) <= 1.5 * max(trained)


def test_accumulated_steps_count_into_the_batch(shrink):
    cfg = shrink(NAMES[0], **{"optim_wrapper.accumulative_counts": 4})
    assert cfg.auto_scale_lr.base_batch_size == 4
