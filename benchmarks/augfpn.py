#!/usr/bin/env python3
"""What do AugFPN's parts cost? Times and memory of forward and backward, beside what they replace.

The neck at 1024x1024 with ResNet-50's channels against MMDetection's FPN; soft RoI selection of 512 RoIs against the
release's arithmetic written out (four RoI maps, their concatenation, 1x1), with mmcv's RoIAlign and with ours, and
against SingleRoIExtractor; prediction by a detector trained with consistent supervision against one without. The last
line is a JSON object.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from measure import case, median_seconds, peak_mib
from mmdet.models.necks import FPN
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmdet_trash.cli import positive, run
from mmdet_trash.engine.config import load_config, train_from_scratch
from mmdet_trash.models.layers import RoIAlign
from mmdet_trash.models.necks import AugFPN
from mmdet_trash.models.roi_heads.roi_extractors import SoftRoIExtractor
from mmdet_trash.registry import MODELS, SCOPE

ROOT = Path(__file__).resolve().parent.parent
CHANNELS, SIZE, STRIDES = (256, 512, 1024, 2048), 1024, (4, 8, 16, 32)


class ReleasedArithmetic(SingleRoIExtractor):
    """Soft RoI selection as the release computes it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels, levels = self.out_channels, self.num_inputs
        self.attention = nn.Sequential(
            nn.Conv2d(levels * channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, levels, 3, padding=1)
        )

    def forward(self, feats: Sequence[Tensor], rois: Tensor) -> Tensor:
        maps = [layer(feature, rois) for layer, feature in zip(self.roi_layers, feats, strict=True)]
        weights = self.attention(torch.cat(maps, dim=1)).sigmoid()
        fused = 0
        for level, feature in enumerate(maps):
            fused = fused + weights[:, level, None] * feature
        return fused


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/augfpn.py --repeats 9",
    )
    parser.add_argument("--repeats", type=positive, default=9, help="timed turns of each (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.manual_seed(0)
    cases = {
        "neck": neck(args.repeats),
        **soft_roi_selection(args.repeats),
        "prediction with consistent supervision": prediction(args.repeats),
    }
    print(json.dumps({"benchmark": "augfpn", "threads": torch.get_num_threads(), "cases": cases}))
    sys.exit(any(case["same_result"] is False for case in cases.values()))


def neck(repeats: int) -> dict[str, Any]:
    inputs = [
        torch.randn(1, channels, SIZE // stride, SIZE // stride, requires_grad=True)
        for channels, stride in zip(CHANNELS, STRIDES, strict=True)
    ]
    necks = [kind(list(CHANNELS), 256, 5) for kind in (AugFPN, FPN)]
    steps = [lambda neck=neck: backward(neck(inputs)) for neck in necks]
    return case("MMDetection FPN", median_seconds(steps, repeats), [peak_mib(step) for step in steps], None)


def soft_roi_selection(repeats: int) -> dict[str, dict[str, Any]]:
    """512 RoIs of 16 to 512 pixels a side, in one image."""
    feats = [torch.randn(1, 256, SIZE // stride, SIZE // stride, requires_grad=True) for stride in STRIDES]
    sides = 2 ** (4 + 5 * torch.rand(512, 2))
    corners = torch.rand(512, 2) * (SIZE - sides)
    rois = torch.cat([torch.zeros(512, 1), corners, corners + sides], dim=1)

    roi_layer = {"type": "RoIAlign", "output_size": 7, "sampling_ratio": 2}
    ours, released, single = (
        kind(roi_layer, 256, list(STRIDES)) for kind in (SoftRoIExtractor, ReleasedArithmetic, SingleRoIExtractor)
    )
    faster = ReleasedArithmetic({**roi_layer, "type": RoIAlign}, 256, list(STRIDES))
    weights = {f"spatial_attention_conv.{key}": value for key, value in released.attention.state_dict().items()}
    ours.load_state_dict(weights)

    extractors = (ours, released, faster, single)
    steps = [lambda extractor=extractor: backward([extractor(feats, rois)]) for extractor in extractors]
    seconds, mib = median_seconds(steps, repeats), [peak_mib(step) for step in steps]
    same = agree(ours.double(), released.double(), [feature.detach().double() for feature in feats], rois.double())
    peers = ["the release's arithmetic", "the release's arithmetic, our RoIAlign", "SingleRoIExtractor"]
    return {
        f"soft RoI selection against {peer}": case(peer, [seconds[0], seconds[i]], [mib[0], mib[i]], agrees)
        for i, (peer, agrees) in enumerate(zip(peers, [same, None, None], strict=True), start=1)
    }


def agree(ours: nn.Module, peer: nn.Module, feats: Sequence[Tensor], rois: Tensor) -> bool:
    """Whether outputs and gradients are the same, in float64: in float32 a ReLU at zero may fall to either side."""
    feats = [feature.requires_grad_() for feature in feats]
    found, expected = (
        [pooled, *torch.autograd.grad(pooled.square().sum(), feats)]
        for pooled in (extractor(feats, rois) for extractor in (ours, peer))
    )
    return all((a - b).abs().max() <= 1e-9 * b.abs().max() for a, b in zip(found, expected, strict=True))


def prediction(repeats: int) -> dict[str, Any]:
    """Ours has the auxiliary head, the peer the same weights without it."""
    cfg = load_config(str(ROOT / "configs/demo/augfpn/all.py"))
    train_from_scratch(cfg)
    init_default_scope(SCOPE)
    ours = MODELS.build(cfg.model).eval()
    cfg.model.roi_head.consistent_supervision = None
    without = MODELS.build(cfg.model).eval()
    without.load_state_dict(ours.state_dict())
    images = torch.randn(4, 3, 256, 256)
    shapes = {"img_shape": (256, 256), "ori_shape": (256, 256), "scale_factor": (1.0, 1.0)}

    @torch.no_grad()
    def predict(model: nn.Module) -> list[DetDataSample]:
        return model.predict(images, [DetDataSample(metainfo=shapes) for _ in images])

    same = all(
        torch.equal(a.pred_instances.bboxes, b.pred_instances.bboxes)
        for a, b in zip(predict(ours), predict(without), strict=True)
    )
    steps: list[Callable[[], Any]] = [lambda: predict(ours), lambda: predict(without)]
    return case("the same model without", median_seconds(steps, 3 * repeats), [None, None], same)


def backward(outs: Sequence[Tensor]) -> None:
    torch.autograd.backward(outs, [torch.ones_like(out) for out in outs])


if __name__ == "__main__":
    run(main)
