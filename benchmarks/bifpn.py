#!/usr/bin/env python3
"""How long does BiFPN take beside MMDetection's FPN of the same width and levels?

P3 to P7 of one image of 512 px, of EfficientNet-B0's channels and of ResNet-50's. FPN's extra levels are convolutions
on its input, as in RetinaNet. Forward alone is without gradients. The last line is a JSON object.
"""

import argparse
import json
from functools import partial
from typing import Any

import torch
from measure import case, median_seconds
from mmdet.models.necks import FPN
from torch import nn

from mmdet_trash.cli import positive, run
from mmdet_trash.models.necks import BiFPN

SIDE, STRIDES = 512, (8, 16, 32)
EFFICIENTNET_B0, RESNET_50 = [40, 112, 320], [512, 1024, 2048]
WIDTHS = {
    "EfficientNet-B0, 64 channels, 3 layers": (EFFICIENTNET_B0, 64, 3),
    "ResNet-50, 160 channels, 3 layers": (RESNET_50, 160, 3),
    "ResNet-50, 256 channels, 3 layers": (RESNET_50, 256, 3),
    "ResNet-50, 256 channels, 1 layer": (RESNET_50, 256, 1),
}
"""In channels, out channels and BiFPN's layers."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/bifpn.py --repeats 15",
    )
    parser.add_argument("--repeats", type=positive, default=15, help="timed turns of each (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.manual_seed(0)
    cases: dict[str, Any] = {}
    for name, (in_channels, width, layers) in WIDTHS.items():
        necks = [
            BiFPN(in_channels, width, num_outs=5, stack_times=layers),
            FPN(in_channels, width, num_outs=5, add_extra_convs="on_input"),
        ]
        sides = [SIDE // stride for stride in STRIDES]
        inputs = [
            torch.randn(1, channels, side, side, requires_grad=True)
            for channels, side in zip(in_channels, sides, strict=True)
        ]
        for kind, step in (("forward", forward), ("forward and backward", backward)):
            steps = [partial(step, neck, inputs) for neck in necks]
            seconds = median_seconds(steps, args.repeats)
            cases[f"{kind}, {name}"] = case("MMDetection's FPN", seconds, [None, None], None)
    print(json.dumps({"benchmark": "bifpn", "threads": torch.get_num_threads(), "cases": cases}))


@torch.no_grad()
def forward(neck: nn.Module, inputs: list[torch.Tensor]) -> None:
    neck.eval()(inputs)


def backward(neck: nn.Module, inputs: list[torch.Tensor]) -> None:
    outs = neck.train()(inputs)
    torch.autograd.backward(outs, [torch.ones_like(out) for out in outs])


if __name__ == "__main__":
    run(main)
