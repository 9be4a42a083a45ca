from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from mmdet_trash.datasets.transforms import attach
from mmdet_trash.engine.hooks import AugmentationHook
from mmdet_trash.errors import InputError
from tests.builders import ROOT, trash_dataset

# No shift, and hardly any size: alone an image fills the frame, and in a mosaic of itself it does not.
MOSAIC = {"type": "Mosaic", "img_scale": (128, 128), "translate": 0.0, "scale": 0.0}
PACK = {"type": "PackDetInputs"}


def runner_of(dataset, loop=EpochBasedTrainLoop, max_epochs=10, **state):
    loader = SimpleNamespace(dataset=dataset)
    train_loop = object.__new__(loop)
    common = {"train_dataloader": loader, "train_loop": train_loop, "seed": 0, "max_epochs": max_epochs}
    return SimpleNamespace(**common, max_iters=10 * max_epochs, **{"epoch": 0, "iter": 0, **state})


def strengths(hook, dataset, epochs, max_epochs=10):
    """Of the one mixing transform, at the beginning of each epoch."""
    runner = runner_of(dataset, max_epochs=max_epochs)
    hook.before_train(runner)
    (transform,) = attach(dataset)
    found = []
    for runner.epoch in epochs:
        hook.before_train_epoch(runner)
        found.append(transform.strength.item())
    return found


@pytest.mark.parametrize(
    ("close", "ramp", "expected"),
    [
        (0, 0, [1, 1, 1, 1, 1, 1]),
        (2, 0, [1, 1, 1, 1, 0, 0]),
        (6, 0, [0, 0, 0, 0, 0, 0]),
        (9, 0, [0, 0, 0, 0, 0, 0]),
        (1, 3, [1, 1, 0.75, 0.5, 0.25, 0]),
        (0, 1, [1, 1, 1, 1, 1, 0.5]),
    ],
)
def test_mixing_ends_before_the_last_epochs(synthetic, close, ramp, expected):
    dataset = trash_dataset(synthetic, MOSAIC, PACK)
    assert strengths(AugmentationHook(close, ramp), dataset, range(6), max_epochs=6) == pytest.approx(expected)


def test_a_resumed_run_is_where_it_should_be(synthetic):
    dataset = trash_dataset(synthetic, MOSAIC, PACK)
    assert strengths(AugmentationHook(close=2), dataset, [8, 9]) == [0, 0]
    assert strengths(AugmentationHook(close=2), dataset, [7]) == [1]


def test_iterations_are_counted_where_the_loop_counts_them(synthetic):
    dataset = trash_dataset(synthetic, MOSAIC, PACK)
    runner, hook = runner_of(dataset, IterBasedTrainLoop), AugmentationHook(close=3)
    hook.before_train(runner)
    assert not hasattr(dataset, "__getitems__")
    (mosaic,) = attach(dataset)
    found = []
    for runner.iter in (0, 96, 97, 99):
        hook.before_train_epoch(runner)
        hook.before_train_iter(runner, runner.iter)
        found.append(mosaic.strength.item())
    assert found == [1, 1, 0, 0]


def test_a_perspective_alone_goes_on(synthetic):
    perspective = {"type": "RandomPerspective", "img_scale": (64, 64)}
    dataset = trash_dataset(synthetic, perspective, {"type": "MixUp"}, PACK)
    runner, hook = runner_of(dataset, epoch=9), AugmentationHook(close=1)
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    assert [transform.strength.item() for transform in attach(dataset)] == [1, 0]


@pytest.mark.slow
def test_workers_that_live_on_see_the_end_of_mixing(synthetic):
    dataset = trash_dataset(synthetic, MOSAIC, PACK)
    photographs = [trash_dataset(synthetic, *LOAD, PACK)[i]["inputs"] for i in range(len(dataset))]
    loader = DataLoader(dataset, 4, num_workers=2, persistent_workers=True, collate_fn=pseudo_collate)
    runner, hook = runner_of(dataset, max_epochs=3), AugmentationHook(close=1)
    hook.before_train(runner)
    alone, workers = [], []
    for runner.epoch in range(3):
        hook.before_train_epoch(runner)
        pictures = [picture for batch in loader for picture in batch["inputs"]]
        alone.append(sum(torch.equal(a, b) for a, b in zip(pictures, photographs, strict=True)))
        workers.append([worker.pid for worker in loader._iterator._workers])
    assert alone == [0, 0, len(dataset)]
    assert workers[0] == workers[1] == workers[2]


LOAD = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True}]


def test_a_cache_is_named_in_one_place_for_all_transforms(synthetic, tmp_path):
    dataset = trash_dataset(synthetic, MOSAIC, {"type": "MixUp", "pre_transform": [MOSAIC]}, PACK)
    AugmentationHook(cache={"type": "disk", "folder": str(tmp_path)}).before_train(runner_of(dataset))
    assert (tmp_path / "128x128.images").stat().st_size > len(dataset) * 128 * 128 * 3
    cached = [dataset[i]["inputs"] for i in range(2)]
    assert all(picture.shape == (3, 128, 128) for picture in cached)


def test_closing_without_mixing_is_a_mistake(synthetic):
    with pytest.raises(InputError, match="close is set, and the training pipeline mixes nothing"):
        AugmentationHook(close=1).before_train(runner_of(trash_dataset(synthetic, *LOAD, PACK)))
    AugmentationHook().before_train(runner_of(trash_dataset(synthetic, *LOAD, PACK)))


@pytest.mark.parametrize("wrong", [{"close": -1}, {"ramp": -2}])
def test_a_negative_number_is_a_mistake(wrong):
    with pytest.raises(InputError, match="is negative"):
        AugmentationHook(**wrong)


@pytest.mark.slow
def test_a_resumed_training_sees_the_samples_it_would_have_seen(synthetic, tool, tmp_path, monkeypatch):
    """Three epochs at once, and two with a third after --resume: the same images reach the last epoch's steps."""
    seen = []

    def note(self, runner, batch_idx, data_batch=None):
        if runner.epoch == 2:
            seen.append(np.array([image.float().mean() for image in data_batch["inputs"]]))

    monkeypatch.setattr(AugmentationHook, "before_train_iter", note)
    config = ROOT / "configs/demo/cascade-rcnn_tiny_mosaic.py"
    options = ["train_dataloader.num_workers=2", "train_dataloader.batch_size=8", "train_cfg.val_interval=9"]
    options += ["default_hooks.augmentation.close=1", "model.backbone.base_channels=8"]
    small = "train_dataloader.dataset.pipeline.{}.img_scale=(64,64)"
    options += [small.format(0), small.format("1.pre_transform.0")]
    options += ["model.neck.in_channels=[8,16,32,64]"]
    common = ("train", config, "--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path)
    result = tool(*common, "--cfg-options", *options, "train_cfg.max_epochs=3")
    assert result.code == 0, result.err
    whole, seen[:] = list(seen), []
    (tmp_path / "epoch_3.pth").unlink()
    (tmp_path / "last.pth").unlink()
    assert tool(*common, "--resume", "--cfg-options", *options, "train_cfg.max_epochs=3").code == 0
    assert len(whole) == 2
    assert all(np.array_equal(a, b) for a, b in zip(whole, seen, strict=True))
