"""Every box loss in every kind of head."""

import copy
from typing import Any

import pytest
import torch
from mmengine.config import ConfigDict

from mmdet_trash.models import losses
from mmdet_trash.models.losses.iou_losses import BBoxIoULoss
from tests.models.tiny_detectors import batch, build, losses_of, tiny_cfg, total, whole_cfg

NAMES = sorted(
    name for name, value in vars(losses).items() if isinstance(value, type) and issubclass(value, BBoxIoULoss)
)
NORMALIZED = {"type": "DetDataPreprocessor", "mean": [0.0] * 3, "std": [255.0] * 3, "pad_size_divisor": 32}
YOLOX = {
    "type": "YOLOX",
    "data_preprocessor": NORMALIZED,
    "backbone": {"type": "CSPDarknet", "deepen_factor": 0.33, "widen_factor": 0.125},
    "neck": {"type": "YOLOXPAFPN", "in_channels": [32, 64, 128], "out_channels": 32, "num_csp_blocks": 1},
    "bbox_head": {"type": "YOLOXHead", "num_classes": 10, "in_channels": 32, "feat_channels": 32},
    "train_cfg": {"assigner": {"type": "SimOTAAssigner", "center_radius": 2.5}},
    "test_cfg": {"score_thr": 0.01, "nms": {"type": "nms", "iou_threshold": 0.65}},
}
ATTENTION = {"embed_dims": 32, "num_heads": 2, "batch_first": True}
FFN = {"embed_dims": 32, "feedforward_channels": 64, "num_fcs": 2}
DETR = {
    "type": "DETR",
    "num_queries": 10,
    "data_preprocessor": NORMALIZED,
    "backbone": {"type": "ResNet", "depth": 18, "base_channels": 8, "out_indices": (3,)},
    "neck": {"type": "ChannelMapper", "in_channels": [64], "out_channels": 32, "kernel_size": 1, "num_outs": 1},
    "encoder": {"num_layers": 1, "layer_cfg": {"self_attn_cfg": ATTENTION, "ffn_cfg": FFN}},
    "decoder": {
        "num_layers": 1,
        "layer_cfg": {"self_attn_cfg": ATTENTION, "cross_attn_cfg": ATTENTION, "ffn_cfg": FFN},
        "return_intermediate": True,
    },
    "positional_encoding": {"num_feats": 16, "normalize": True},
    "bbox_head": {
        "type": "DETRHead",
        "num_classes": 10,
        "embed_dims": 32,
        "loss_cls": {"type": "CrossEntropyLoss", "bg_cls_weight": 0.1, "class_weight": 1.0},
    },
    "train_cfg": {
        "assigner": {
            "type": "HungarianAssigner",
            "match_costs": [{"type": "ClassificationCost", "weight": 1.0}, {"type": "BBoxL1Cost", "weight": 5.0}],
        }
    },
    "test_cfg": {"max_per_img": 10},
}
HEADS = {"faster": 3, "cascade": 5, "retina": 1, "fcos": 1, "atss": 1, "yolox": 1, "detr": 1}
"""How many learn boxes by it: with two stages also that of proposals and the one that supervises laterals."""
DETECTORS = list(HEADS)


def with_loss(kind: str, name: str) -> ConfigDict:
    """A tiny detector all of whose heads learn boxes by a loss; those of deltas learn the boxes they stand for."""
    if kind in ("yolox", "detr"):
        cfg = ConfigDict(copy.deepcopy({"yolox": YOLOX, "detr": DETR}[kind]))
        # YOLOX divides the sum by itself; DETR has another loss, L1, beside.
        own: dict[str, Any] = {"loss_bbox": {"type": name, "reduction": "sum"}}
        cfg.bbox_head.update(own if kind == "yolox" else {"loss_iou": {"type": name}})
        return cfg
    cfg = whole_cfg("demo/cascade-rcnn_tiny.py") if kind == "demo" else tiny_cfg(kind)
    if "bbox_head" in cfg:
        heads = [cfg.bbox_head]
    else:
        stages = cfg.roi_head.bbox_head
        heads = [cfg.rpn_head, *(stages if isinstance(stages, list) else [stages])]
    for head in heads:
        head.loss_bbox = {"type": name, "loss_weight": 2.0}
        if "bbox_coder" in head and kind != "fcos":
            head.reg_decoded_bbox = True
    return cfg


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", DETECTORS)
def test_every_head_takes_it_and_learns_boxes_by_it(kind, name):
    model = build(with_loss(kind, name))
    inside = [module for module in model.modules() if isinstance(module, BBoxIoULoss)]
    assert {type(module).__name__ for module in inside} == {name}
    assert len(inside) == HEADS[kind]
    found = losses_of(model)
    ending = "loss_iou" if kind == "detr" else "_bbox"
    of_boxes = total({key: value for key, value in found.items() if key.endswith(ending)})
    assert torch.isfinite(total(found)) and of_boxes > 0
    of_boxes.backward()
    grads = {key: parameter.grad for key, parameter in model.named_parameters() if parameter.grad is not None}
    assert all(torch.isfinite(grad).all() for grad in grads.values())
    assert any(grad.any() for key, grad in grads.items() if "reg" in key)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_demo_trains_some_steps_by_it(name):
    model = build(with_loss("demo", name))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    seen = []
    for step in range(8):
        found = losses_of(model, seed=step)
        assert all(torch.isfinite(total({key: value})) for key, value in found.items() if "loss" in key)
        optimizer.zero_grad()
        total(found).backward()
        optimizer.step()
        seen.append(total(found).item())
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert sum(seen[4:]) < sum(seen[:4])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_image_without_boxes_trains_too(name):
    for kind in ("faster", "retina"):
        model = build(with_loss(kind, name))
        loss = total(losses_of(model, batch(boxes=((), ()))))
        assert torch.isfinite(loss)
        loss.backward()
