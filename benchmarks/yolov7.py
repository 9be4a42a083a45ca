#!/usr/bin/env python3
"""How long do YOLOv7's matching and loss take, and what does its deployed form gain?

Matching and losses, forward and backward, of 16 images of 640 px with 15 boxes each, beside MMDetection's YOLOX head,
which matches by SimOTA too, among all its boxes; the raw predictions are normal noise. Then one image of 640 px through
the deployed form beside the training form, both in inference. The last line is a JSON object.
"""

import argparse
import copy
import json
import sys
from pathlib import Path
from typing import Any

import torch
from measure import case, median_seconds
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmdet_trash.cli import positive, run
from mmdet_trash.engine.config import load_config, train_from_scratch
from mmdet_trash.engine.runner import build_model
from mmdet_trash.registry import MODELS

ROOT = Path(__file__).resolve().parents[1]
IMAGES, SIDE, BOXES, CLASSES = 16, 640, 15, 10
STRIDES = (8, 16, 32)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/yolov7.py --repeats 15",
    )
    parser.add_argument("--repeats", type=positive, default=15, help="timed turns of each (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cases = {f"matching and loss, {IMAGES} images": matching(args.repeats)}
    for size in ("tiny", "l"):
        cases[f"inference, {size}"] = inference(size, args.repeats)
    print(json.dumps({"benchmark": "yolov7", "threads": torch.get_num_threads(), "cases": cases}))
    sys.exit(any(found["same_result"] is False for found in cases.values()))


def matching(repeats: int) -> dict[str, Any]:
    """Matching, losses and gradients of the raw predictions."""
    gts = objects()
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        ours = MODELS.build({"type": "YOLOv7Head", "num_classes": CLASSES, "in_channels": [8] * 3, "img_size": SIDE})
        theirs = MODELS.build(
            {
                "type": "mmdet.YOLOXHead",
                "num_classes": CLASSES,
                "in_channels": 8,
                "train_cfg": {"assigner": {"type": "SimOTAAssigner", "center_radius": 2.5}},
            }
        )
    generator = torch.Generator().manual_seed(0)

    def maps(channels: int) -> list[Tensor]:
        sides = [SIDE // stride for stride in STRIDES]
        return [torch.randn(IMAGES, channels, s, s, generator=generator).requires_grad_() for s in sides]

    mine = [maps(3 * (5 + CLASSES))]
    peers = [maps(CLASSES), maps(4), maps(1)]
    meta = [{"img_shape": (SIDE, SIDE)}] * IMAGES

    def step(head: nn.Module, outputs: list[list[Tensor]]) -> None:
        losses = head.loss_by_feat(*outputs, gts, meta)
        torch.autograd.grad(sum(losses.values()), [level for levels in outputs for level in levels])

    seconds = median_seconds([lambda: step(ours, mine), lambda: step(theirs, peers)], repeats)
    return case("MMDetection's YOLOXHead", seconds, [None, None], None)


def objects() -> list[InstanceData]:
    """Boxes of 16 to 300 px a side, evenly on a log scale."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(IMAGES):
        sides = 16 * (300 / 16) ** torch.rand(BOXES, 2, generator=generator)
        corner = torch.rand(BOXES, 2, generator=generator) * (SIDE - sides)
        labels = torch.randint(0, CLASSES, (BOXES,), generator=generator)
        found.append(InstanceData(bboxes=torch.cat([corner, corner + sides], 1), labels=labels))
    return found


@torch.no_grad()
def inference(size: str, repeats: int) -> dict[str, Any]:
    """One image through the merged convolutions, and through those of training."""
    cfg = load_config(str(ROOT / "configs" / "yolov7" / f"yolov7_{size}_trash.py"))
    train_from_scratch(cfg)
    model = build_model(cfg).eval()
    deployed = copy.deepcopy(model)
    deployed.switch_to_deploy()
    images = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    same = all(
        (mine - theirs).abs().max() < 1e-4 * theirs.abs().max()
        for mine, theirs in zip(deployed._forward(images)[0], model._forward(images)[0], strict=True)
    )
    seconds = median_seconds([lambda: deployed._forward(images), lambda: model._forward(images)], repeats)
    return case("its training form", seconds, [None, None], same)


if __name__ == "__main__":
    run(main)
