"""Detectors of this package's configs, small enough to train a step in a fraction of a second, and batches for them."""

import copy
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmdet_trash.engine import config as configs
from mmdet_trash.registry import MODELS

ROOT = Path(__file__).resolve().parents[2] / "configs"
CONFIGS = {
    "faster": "demo/augfpn/all.py",
    "cascade": "cascade_rcnn/cascade-rcnn_r50_augfpn_1x_trash.py",
    "mask": "mask_rcnn/mask-rcnn_r50_augfpn_1x_trash.py",
    "retina": "retinanet/retinanet_r50_augfpn_1x_trash.py",
    "fcos": "fcos/fcos_r50_augfpn_1x_trash.py",
    "atss": "atss/atss_r50_augfpn_1x_trash.py",
}
TWO_STAGE = ["faster", "cascade", "mask"]
ONE_STAGE = ["retina", "fcos", "atss"]
CHANNELS = 16
BOXES = (((10, 12, 60, 50), (40, 30, 90, 60)), ((5, 5, 25, 45),))
"""Of each image of a batch."""


def tiny_cfg(kind: str, **supervision: Any) -> ConfigDict:
    """A detector's config, shrunk; consistent supervision is as the config says but for what is given."""
    model = whole_cfg(CONFIGS[kind])
    model.backbone.update(depth=18, base_channels=8)
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=CHANNELS)
    if kind in ONE_STAGE:
        head = model.bbox_head
        # The heads of FCOS and ATSS have 32 groups.
        head.update(in_channels=CHANNELS, feat_channels=32, stacked_convs=1)
        small = {"bbox_head": {"fc_out_channels": 64}, "sampler": sampler(48), "proposal": proposals(60)}
        head.consistent_supervision.update({**small, **supervision})
        return model
    model.rpn_head.update(in_channels=CHANNELS, feat_channels=CHANNELS)
    head = model.roi_head
    head.bbox_roi_extractor.update(out_channels=CHANNELS)
    for bbox_head in head.bbox_head if kind == "cascade" else [head.bbox_head]:
        bbox_head.update(in_channels=CHANNELS, fc_out_channels=64)
    for stage in model.train_cfg.rcnn if kind == "cascade" else [model.train_cfg.rcnn]:
        stage.sampler.num = 48
    if kind == "mask":
        head.mask_roi_extractor.update(out_channels=CHANNELS)
        head.mask_head.update(in_channels=CHANNELS, conv_out_channels=CHANNELS, num_convs=1)
    model.train_cfg.rpn_proposal.update(nms_pre=100, max_per_img=60)
    model.test_cfg.rpn.update(nms_pre=100, max_per_img=60)
    head.consistent_supervision.update(supervision)
    return model


def whole_cfg(name: str) -> ConfigDict:
    """The model of one of `configs/`, without initial weights, as it is."""
    return copy.deepcopy(_read_cfg(name))


@functools.cache
def _read_cfg(name: str) -> ConfigDict:
    cfg = configs.load_config(str(ROOT / name))
    configs.train_from_scratch(cfg)
    return cfg.model


def proposals(count: int) -> dict[str, Any]:
    nms = {"type": "nms", "iou_threshold": 0.7, "class_agnostic": True}
    return {"nms_pre": 20 * count, "score_thr": 0.0, "min_bbox_size": 0, "nms": nms, "max_per_img": count}


def sampler(count: int) -> dict[str, Any]:
    return {"type": "RandomSampler", "num": count, "pos_fraction": 0.25, "neg_pos_ub": -1, "add_gt_as_proposals": True}


def head_cfg(cfg: ConfigDict) -> ConfigDict:
    return cfg.roi_head if "roi_head" in cfg else cfg.bbox_head


def head_of(model: nn.Module) -> nn.Module:
    """The head that holds the consistent supervision."""
    return model.roi_head if hasattr(model, "roi_head") else model.bbox_head


def without_supervision(cfg: ConfigDict) -> ConfigDict:
    cfg = copy.deepcopy(cfg)
    del head_cfg(cfg)["consistent_supervision"]
    return cfg


def build(cfg: dict[str, Any], seed: int = 0) -> nn.Module:
    """Build and initialise a model, in training mode."""
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        model = MODELS.build(copy.deepcopy(cfg))
        model.init_weights()
    return model


def batch(boxes: Sequence[Sequence[Sequence[float]]] = BOXES, size: tuple[int, int] = (64, 96)) -> dict[str, Any]:
    """Images of noise with a bright rectangle for each box, and the boxes, as a data loader gives them.

    Args:
        boxes: of each image, xyxy in pixels; the label of the k-th is k.
        size: height and width.
    """
    generator = torch.Generator().manual_seed(0)
    images, samples = [], []
    for number, own in enumerate(boxes):
        image = torch.randint(0, 120, (3, *size), generator=generator, dtype=torch.uint8)
        masks = torch.zeros(len(own), *size, dtype=torch.uint8)
        for mask, (x1, y1, x2, y2) in zip(masks, own, strict=True):
            mask[y1:y2, x1:x2] = 1
            image[:, y1:y2, x1:x2] += 100
        sample = DetDataSample(
            metainfo={
                "img_id": number,
                "img_shape": size,
                "ori_shape": size,
                "scale_factor": (1.0, 1.0),
                "flip": False,
                "flip_direction": None,
            }
        )
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor(own, dtype=torch.float32).reshape(-1, 4),
            labels=torch.arange(len(own)),
            masks=BitmapMasks(masks.numpy(), *size),
        )
        sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
        images.append(image)
        samples.append(sample)
    return {"inputs": images, "data_samples": samples}


def losses_of(model: nn.Module, data: dict[str, Any] | None = None, seed: int = 0) -> dict[str, Any]:
    """A training step's losses; what is sampled depends on the seed alone."""
    prepared = model.data_preprocessor(copy.deepcopy(data or batch()), training=True)
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return model(**prepared, mode="loss")


def lateral_losses(losses: dict[str, Any]) -> dict[str, Tensor]:
    """Those of the laterals alone, accuracies among them."""
    return {name: value for name, value in losses.items() if "lateral" in name}


def total(losses: dict[str, Any]) -> Tensor:
    """The sum of what is learnt from: everything whose name says that it is a loss."""
    values = [value for name, value in losses.items() if "loss" in name]
    return sum(part.sum() for value in values for part in (value if isinstance(value, list) else [value]))


def predictions_of(model: nn.Module, data: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Each image's boxes, scores, labels and perhaps masks."""
    model.eval()
    with torch.no_grad():
        samples = model.test_step(copy.deepcopy(data or batch()))
    return [dict(sample.pred_instances.items()) for sample in samples]
