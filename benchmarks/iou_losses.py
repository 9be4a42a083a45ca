#!/usr/bin/env python3
"""How fast are the box losses? Forward and backward of 2,000 and 100,000 pairs on one thread, in one process.

The peers are MMDetection's loss of the same name, where it has one, and each paper's formula written out plainly on the
columns of (N, 4) boxes, as most repositories have it. Results are compared where the two mean the same: MMDetection's
CIoU and EIoU do not. Then DIoU-NMS beside mmcv's `nms`, which it replaces. The last line is a JSON object.
"""

import argparse
import importlib
import json
import math
import sys
from collections.abc import Callable
from typing import Any

import torch
from measure import case, median_seconds
from mmcv.ops import nms
from torch import Tensor

from mmdet_trash.cli import positive, run
from mmdet_trash.models.layers import diou_nms
from mmdet_trash.models.losses import bbox_iou_loss
from mmdet_trash.models.losses.iou_losses import KINDS

# Its package holds a function of the module's name.
THEIRS = importlib.import_module("mmdet.models.losses.iou_loss")
OTHER_MEANING = ("ciou", "eiou")
THEIR_OPTIONS: dict[str, dict[str, Any]] = {"iou": {"mode": "linear"}, "siou": {"neg_gamma": True}}
EPS = 1e-7
Loss = Callable[[Tensor, Tensor], Tensor]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/iou_losses.py --repeats 31",
    )
    parser.add_argument("--repeats", type=positive, default=31, help="timed turns of each (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    cases: dict[str, dict[str, Any]] = {}
    for count in (2_000, 100_000):
        target = boxes(count)
        pred = near(target)
        for kind in KINDS:
            cases.update(losses(kind, pred, target, args.repeats))
    cases.update(suppression(args.repeats))
    print(json.dumps({"benchmark": "iou_losses", "threads": torch.get_num_threads(), "cases": cases}))
    sys.exit(any(case["same_result"] is False for case in cases.values()))


def boxes(count: int, seed: int = 0) -> Tensor:
    """(count, 4) of 20 to 200 pixels a side in an image of 1,000."""
    generator = torch.Generator().manual_seed(seed)
    corner, side = 800 * torch.rand(count, 2, generator=generator), 20 + 180 * torch.rand(count, 2, generator=generator)
    return torch.cat([corner, corner + side], 1)


def near(target: Tensor) -> Tensor:
    """(N, 4), moved by some 10 pixels and resized by a fifth: what a head predicts."""
    generator = torch.Generator().manual_seed(1)
    moves = torch.randn(2, len(target), 2, generator=generator)
    centre = (target[:, :2] + target[:, 2:]) / 2 + 10 * moves[0]
    half = (target[:, 2:] - target[:, :2]) / 2 * torch.exp(0.2 * moves[1])
    return torch.cat([centre - half, centre + half], 1)


def losses(kind: str, pred: Tensor, target: Tensor, repeats: int) -> dict[str, dict[str, Any]]:
    """A kind beside MMDetection's, if any, and beside the plain formula."""
    peers: dict[str, Loss] = {"a plain formula": lambda p, t: plain(kind, p, t)}
    if hasattr(THEIRS, f"{kind}_loss"):
        options = {"reduction": "none", "eps": EPS, **THEIR_OPTIONS.get(kind, {})}
        peers["MMDetection"] = lambda p, t: getattr(THEIRS, f"{kind}_loss")(p, t, **options)
    functions: list[Loss] = [lambda p, t: bbox_iou_loss(p, t, kind, EPS), *peers.values()]
    leaf = pred.clone().requires_grad_()
    steps = [
        lambda function=function: torch.autograd.grad(function(leaf, target).sum(), leaf) for function in functions
    ]
    seconds = median_seconds(steps, repeats)
    found = {}
    for i, (name, peer) in enumerate(peers.items(), start=1):
        meant = name != "MMDetection" or kind not in OTHER_MEANING
        same = agree(functions[0], peer, pred, target) if meant else None
        found[f"{kind}, {len(pred)} pairs, against {name}"] = case(name, [seconds[0], seconds[i]], [None, None], same)
    return found


def agree(ours: Loss, peer: Loss, pred: Tensor, target: Tensor) -> bool:
    """Whether losses and gradients are the same, in float64, but for pairs at a kink of SIoU: centres on one line."""
    shift = pred[:, :2] + pred[:, 2:] - target[:, :2] - target[:, 2:]
    clear = shift.abs().amin(1) > 0.1
    pred, target = pred[clear], target[clear]
    results = []
    for function in (ours, peer):
        leaf = pred.double().requires_grad_()
        loss = function(leaf, target.double())
        results.append((loss.detach(), *torch.autograd.grad(loss.sum(), leaf)))
    return all(torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(*results, strict=True))


def plain(kind: str, pred: Tensor, target: Tensor) -> Tensor:
    """A paper's formula on columns, with nothing shared or saved."""
    x1, y1, x2, y2 = pred.unbind(1)
    a1, b1, a2, b2 = target.unbind(1)
    w, h, wt, ht = x2 - x1, y2 - y1, a2 - a1, b2 - b1
    inter = (torch.min(x2, a2) - torch.max(x1, a1)).clamp(min=0) * (torch.min(y2, b2) - torch.max(y1, b1)).clamp(min=0)
    union = w * h + wt * ht - inter + EPS
    iou = inter / union
    if kind == "iou":
        return 1 - iou
    cw, ch = torch.max(x2, a2) - torch.min(x1, a1), torch.max(y2, b2) - torch.min(y1, b1)
    if kind == "giou":
        return 1 - iou + (cw * ch - union) / (cw * ch + EPS)
    dx, dy = (x1 + x2 - a1 - a2) / 2, (y1 + y2 - b1 - b2) / 2
    rho2, c2 = dx**2 + dy**2, cw**2 + ch**2 + EPS
    if kind == "diou":
        return 1 - iou + rho2 / c2
    if kind == "wiou":
        return torch.exp(rho2 / c2.detach()) * (1 - iou)
    if kind == "mpdiou":
        corners = (x1 - a1) ** 2 + (y1 - b1) ** 2 + (x2 - a2) ** 2 + (y2 - b2) ** 2
        return 1 - iou + corners / c2
    if kind == "siou":
        sine = dy.abs() / (rho2 + EPS).sqrt()
        angle = 1 - 2 * torch.sin(torch.asin(sine) - math.pi / 4) ** 2
        distance = 2 - torch.exp((angle - 2) * (dx / cw) ** 2) - torch.exp((angle - 2) * (dy / ch) ** 2)
        shape = (1 - torch.exp(-(w - wt).abs() / torch.max(w, wt))) ** 4
        shape = shape + (1 - torch.exp(-(h - ht).abs() / torch.max(h, ht))) ** 4
        return 1 - iou + (distance + shape) / 2
    if kind in ("eiou", "focal_eiou"):
        eiou = 1 - iou + rho2 / c2 + (w - wt) ** 2 / (cw**2 + EPS) + (h - ht) ** 2 / (ch**2 + EPS)
        return eiou if kind == "eiou" else iou.detach() ** 0.5 * eiou
    v = 4 / math.pi**2 * (torch.atan(wt / (ht + EPS)) - torch.atan(w / (h + EPS))) ** 2
    with torch.no_grad():
        alpha = v / (1 - iou + v + EPS)
    if kind == "alpha_ciou":
        return 1 - iou**3 + (rho2 / c2) ** 3 + (alpha * v) ** 3
    ciou = 1 - iou + rho2 / c2 + alpha * v
    if kind == "ciou":
        return ciou
    return ciou + iou - inner_iou(dx, dy, w, h, wt, ht)


def inner_iou(dx: Tensor, dy: Tensor, w: Tensor, h: Tensor, wt: Tensor, ht: Tensor, ratio: float = 0.7) -> Tensor:
    w, h, wt, ht = w * ratio, h * ratio, wt * ratio, ht * ratio
    across = (torch.min(dx + w / 2, wt / 2) - torch.max(dx - w / 2, -wt / 2)).clamp(min=0)
    along = (torch.min(dy + h / 2, ht / 2) - torch.max(dy - h / 2, -ht / 2)).clamp(min=0)
    return across * along / (w * h + wt * ht - across * along + EPS)


def suppression(repeats: int) -> dict[str, dict[str, Any]]:
    """1,000 and 10,000 boxes about 100 objects; what is kept differs, so results are not compared."""
    found = {}
    for count in (1_000, 10_000):
        generator = torch.Generator().manual_seed(2)
        chosen = near(boxes(100)[torch.randint(100, (count,), generator=generator)])
        arguments = (chosen, torch.rand(count, generator=generator), 0.5)
        steps = [lambda function=function, given=arguments: function(*given) for function in (diou_nms, nms)]
        found[f"diou_nms, {count} boxes"] = case("mmcv nms", median_seconds(steps, repeats), [None, None], None)
    return found


if __name__ == "__main__":
    run(main)
