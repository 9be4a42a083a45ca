#!/usr/bin/env python3
"""Draw each box loss for docs/box_losses.md: its value and its gradient's norm.

A box that stands upright, where its target lies, slides away; one changes its aspect in place; one shrinks inside the
target. Beside each loss stand 1 - IoU and MMDetection's loss of the same name, where it has one.
"""

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from mmdet_trash.cli import run
from mmdet_trash.models.losses import bbox_iou_loss
from mmdet_trash.models.losses.iou_losses import KINDS

# Its package holds a function of the module's name.
THEIRS = importlib.import_module("mmdet.models.losses.iou_loss")
TARGET = (0.0, 0.0, 96.0, 64.0)
STYLE = {
    "figure.dpi": 100,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
Loss = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    mpl.rcParams.update(STYLE)
    for kind in KINDS:
        draw(kind, args.out / f"{kind}.png")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python docs/draw_box_losses.py",
    )
    folder = Path(__file__).parent / "box_losses"
    parser.add_argument("--out", type=Path, default=folder, help="folder of the drawings (%(default)s)")
    return parser.parse_args()


def journeys() -> dict[str, tuple[str, Tensor, Tensor]]:
    """Of each journey: what the horizontal axis says, its places (n,), and the boxes there, (n, 4) xyxy."""
    x1, y1, x2, y2 = TARGET
    w, h, centre = x2 - x1, y2 - y1, torch.tensor([(x1 + x2) / 2, (y1 + y2) / 2])

    def boxes(shift: Tensor, wide: Tensor, high: Tensor) -> Tensor:
        half = torch.stack([w * wide, h * high], 1) / 2
        return torch.cat([centre + shift - half, centre + shift + half], 1)

    # Places are chosen to miss the kinks at the target itself.
    away, aspect, share = torch.linspace(0.005, 3, 91), torch.linspace(-3.01, 3, 91), torch.linspace(0.995, 0.02, 91)
    one, still = torch.ones(91), torch.zeros(91, 2)
    shift = away[:, None] * torch.tensor([w, 0.4 * h])
    return {
        "slides away": ("shift in target widths", away, boxes(shift, 0.5 * one, 2 * one)),
        "changes aspect": (
            "aspect over the target's, as a power of 2",
            aspect,
            boxes(still, 2 ** (aspect / 2), 2 ** (-aspect / 2)),
        ),
        "shrinks inside": ("side as a share of the target's", share, boxes(still, share, share)),
    }


def draw(kind: str, path: Path) -> None:
    figure, rows = plt.subplots(2, 3, figsize=(9, 4.2), sharex="col", sharey="row", layout="constrained")
    curves: dict[str, tuple[Loss, dict]] = {
        "1 - IoU": (lambda p, t: bbox_iou_loss(p, t, "iou"), {"color": "0.7", "linewidth": 3}),
        kind: (lambda p, t: bbox_iou_loss(p, t, kind), {"color": "tab:blue"}),
    }
    if hasattr(THEIRS, f"{kind}_loss"):
        options = {"mode": "linear"} if kind == "iou" else {}
        curves["MMDetection's"] = (
            lambda p, t: getattr(THEIRS, f"{kind}_loss")(p, t, reduction="none", **options),
            {"color": "tab:orange", "linestyle": "--"},
        )
    for (title, (axis, places, boxes)), value, slope in zip(journeys().items(), *rows, strict=True):
        for name, (loss, style) in curves.items():
            losses, norms = measured(loss, boxes)
            value.plot(places, losses, label=name, **style)
            slope.plot(places, norms, **style)
        value.set_title(f"the box {title}")
        slope.set_xlabel(axis)
        if title == "shrinks inside":
            slope.invert_xaxis()
    rows[0][0].set(ylabel="loss", ylim=(-0.5, 3.1))
    rows[1][0].set(ylabel="gradient's norm", ylim=(-0.1, 4.2))
    figure.legend(*rows[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path)
    plt.close(figure)


def measured(loss: Loss, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Losses (n,), and the norms (n,) of their gradients by the corners in units of the target's sides."""
    leaf = boxes.double().requires_grad_()
    values = loss(leaf, torch.tensor(TARGET, dtype=torch.double).expand_as(leaf))
    (grad,) = torch.autograd.grad(values.sum(), leaf)
    x1, y1, x2, y2 = TARGET
    return values.detach(), (grad * torch.tensor([x2 - x1, y2 - y1]).repeat(2)).norm(dim=1)


if __name__ == "__main__":
    run(main)
