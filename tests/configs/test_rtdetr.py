"""RT-DETR's sizes and training, beside the paper."""

from pathlib import Path

import pytest

from mmdet_trash.engine.complexity import complexity
from mmdet_trash.engine.config import load_config
from mmdet_trash.engine.runner import build_model

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "rtdetr"
TABLE = {"r18": (20, 60, 3), "r50": (42, 136, 6)}
"""Millions of parameters, billions of operations (two a multiply-accumulate) and decoder layers, for COCO at 640 px;
the paper's table 2, and the release's page for ResNet-18."""


@pytest.fixture(params=TABLE)
def size(request):
    return request.param


@pytest.fixture
def cfg(size):
    cfg = load_config(str(FOLDER / f"rtdetr_{size}_72e_trash.py"))
    cfg.model.bbox_head.num_classes = 80
    return cfg


def test_parameters_are_the_papers_when_branches_are_merged(cfg, size):
    model = build_model(cfg)
    model.switch_to_deploy()
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6) == TABLE[size][0]


def test_operations_are_the_papers(cfg, size):
    found = complexity(cfg)
    assert found.size == (640, 640)
    assert 2 * found.macs / 1e9 == pytest.approx(TABLE[size][1], rel=0.015)


def test_the_decoder_is_the_papers(cfg, size):
    decoder = cfg.model.decoder
    assert decoder.num_layers == TABLE[size][2] and cfg.model.num_queries == cfg.model.test_cfg.max_per_img == 300
    assert decoder.layer_cfg.ffn_cfg.feedforward_channels == cfg.model.neck.feedforward_channels == 1024


def test_norms_and_biases_do_not_decay_and_the_backbone_learns_at_a_tenth(cfg):
    optim = cfg.optim_wrapper
    assert (optim.optimizer.type, optim.optimizer.lr, optim.optimizer.weight_decay) == ("AdamW", 1e-4, 1e-4)
    assert optim.paramwise_cfg.norm_decay_mult == optim.paramwise_cfg.bias_decay_mult == 0
    assert optim.paramwise_cfg.custom_keys.backbone.lr_mult == 0.1 and optim.clip_grad.max_norm == 0.1
