"""Does a box find its target? With `pytest -s` a table says how many steps each loss takes."""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mmdet_trash.models.losses import bbox_iou_loss
from mmdet_trash.models.losses.iou_losses import KINDS

# Its package holds a function of the module's name.
THEIRS = importlib.import_module("mmdet.models.losses.iou_loss")
STARTS, STEPS, TARGET = 1000, 10_000, (48.0, 32.0, 96.0, 64.0)
"""The target is 96 pixels wide and 64 high: its centre, width and height."""


def starts() -> Tensor:
    """(STARTS, 4), centres and sides: 250 to 500 pixels from the target's centre, and tall where the target is wide."""
    generator = torch.Generator().manual_seed(0)
    angle, distance, area, aspect = torch.rand(4, STARTS, generator=generator)
    distance, area = 250 + 250 * distance, TARGET[2] * TARGET[3] * 2 ** (4 * area - 2)
    aspect = 2 ** (-0.5 - 2.5 * aspect)  # 1:1.4 to 1:8, where the target has 1.5:1
    x, y = TARGET[0] + distance * torch.cos(2 * math.pi * angle), TARGET[1] + distance * torch.sin(2 * math.pi * angle)
    return torch.stack([x, y, (area * aspect).sqrt(), (area / aspect).sqrt()], 1)


def xyxy(boxes: Tensor) -> Tensor:
    centres, sides = boxes.chunk(2, 1)
    return torch.cat([centres - sides / 2, centres + sides / 2], 1)


@dataclass
class Descent:
    """Steps from each start to an IoU of 0.95, infinite where it was not reached."""

    steps: Tensor

    @property
    def arrived(self) -> float:
        return self.steps.isfinite().float().mean().item()

    def row(self, name: str) -> list[str]:
        steps = self.steps[self.steps.isfinite()]
        quantiles = [f"{steps.quantile(share):.0f}" for share in (0.5, 0.95)] if len(steps) else ["-", "-"]
        return [name, f"{self.arrived:.1%}", *quantiles]


def descend(loss: Callable[[Tensor, Tensor], Tensor]) -> Descent:
    """Adam on centres and sides: steps of a pixel at most, falling to 0 at the last, however small the gradient is."""
    boxes, target = starts().requires_grad_(), xyxy(torch.tensor([TARGET])).expand(STARTS, 4)
    optimizer = torch.optim.Adam([boxes], lr=1.0, eps=1e-16)
    steps = torch.full((STARTS,), math.inf)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 1 - step / STEPS
        corners = xyxy(boxes)
        steps[(1 - bbox_iou_loss(corners.detach(), target, "iou") >= 0.95) & steps.isinf()] = step
        (grad,) = torch.autograd.grad(loss(corners, target).sum(), boxes)
        if steps.isfinite().all() or not grad.any():
            break
        boxes.grad = grad
        optimizer.step()
    return Descent(steps)


@pytest.fixture(scope="module")
def report():
    """Collects rows and prints them."""
    table = Table("loss", "reach IoU 0.95", "steps, median", "95 of 100 within")
    yield table.add_row
    Console().print(table)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_boxes_far_away_and_of_wrong_aspect_arrive(kind, report):
    descent = descend(lambda pred, target: bbox_iou_loss(pred, target, kind))
    report(*descent.row(kind))
    assert descent.arrived == (0 if kind == "iou" else 1)


@pytest.mark.slow
def test_mmdetections_siou_does_not_arrive_and_its_ciou_takes_longer(report):
    found = {}
    for name in ("ciou", "siou"):
        loss = getattr(THEIRS, f"{name}_loss")
        found[name] = descend(lambda pred, target, loss=loss: loss(pred, target, reduction="none"))
        report(*found[name].row(f"MMDetection's {name}"))
    assert found["siou"].arrived == 0
    ours = descend(lambda pred, target: bbox_iou_loss(pred, target, "ciou"))
    assert ours.steps.mean() < found["ciou"].steps.mean()
