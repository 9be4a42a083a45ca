"""Mosaics from `_base_/datasets/trash_mosaic.py` train any detector."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import pseudo_collate

from mmdet_trash.engine.config import load_config
from mmdet_trash.engine.runner import build_train_dataset
from tests.builders import ROOT
from tests.models.losses.test_in_heads import DETR, YOLOX
from tests.models.tiny_detectors import build, tiny_cfg, total


@pytest.fixture(scope="module")
def batch(synthetic):
    cfg = load_config(str(ROOT / "configs/_base_/datasets/trash_mosaic.py"))
    dataset = cfg.train_dataloader.dataset
    dataset.data_root = str(synthetic)
    mosaic, mixup, *rest = dataset.pipeline
    for step in (mosaic, *mixup.pre_transform):
        step.img_scale = (128, 128)
    dataset.pipeline = [mosaic, dict(mixup, prob=1.0), *rest]
    cfg.default_scope = "mmdet_trash"
    built = build_train_dataset(cfg)
    return pseudo_collate([built[i] for i in range(2)])


@pytest.mark.parametrize("kind", ["cascade", "faster", "retina", "fcos", "yolox", "detr"])
def test_a_step_on_mosaics_has_a_finite_loss_and_gradient(kind, batch):
    own = {"yolox": YOLOX, "detr": DETR}
    model = build(ConfigDict(copy.deepcopy(own[kind])) if kind in own else tiny_cfg(kind)).train()
    data = model.data_preprocessor(copy.deepcopy(batch), training=True)
    assert sum(len(sample.gt_instances) for sample in data["data_samples"]) > 0
    loss = total(model(**data, mode="loss"))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters() if weight.grad is not None)
