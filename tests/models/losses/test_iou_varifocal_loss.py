import math

import pytest
import torch
from mmdet.models.losses.varifocal_loss import varifocal_loss
from mmengine.registry import DefaultScope
from torch.nn import functional as F

from mmdet_trash.models.losses import IoUVarifocalLoss
from mmdet_trash.registry import MODELS

N, C = 30, 4


@pytest.fixture
def drawn():
    """Logits (N, C), labels (N,) of which C is the background, and IoUs (N,) above 0."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(N, C, generator=generator, dtype=torch.double)
    labels = torch.randint(0, C + 1, (N,), generator=generator)
    return logits, labels, 0.01 + 0.99 * torch.rand(N, generator=generator, dtype=torch.double)


def test_it_is_the_papers_formula(drawn):
    logits, labels, ious = drawn
    expected = []
    for scores, label, q in zip(logits.sigmoid().tolist(), labels.tolist(), ious.tolist(), strict=True):
        loss = 0.0
        for number, p in enumerate(scores):
            if number == label:
                loss -= q * (q * math.log(p) + (1 - q) * math.log(1 - p))
            else:
                loss -= 0.6 * p**1.5 * math.log(1 - p)
        expected.append(loss)
    expected = torch.tensor(expected, dtype=torch.double)
    loss, weight = IoUVarifocalLoss(alpha=0.6, gamma=1.5, loss_weight=2.0), torch.linspace(0, 2, N).double()
    torch.testing.assert_close(loss(logits, (labels, ious), reduction_override="none"), 2 * expected)
    torch.testing.assert_close(loss(logits, (labels, ious)), 2 * expected.mean())
    torch.testing.assert_close(loss(logits, (labels, ious), weight, avg_factor=7.0), 2 * (weight * expected).sum() / 7)


def test_with_overlaps_it_is_mmdetections(drawn):
    logits, labels, ious = drawn
    target = F.one_hot(labels, C + 1)[:, :C] * ious[:, None]
    expected = varifocal_loss(logits, target, reduction="sum")
    torch.testing.assert_close(IoUVarifocalLoss(reduction="sum")(logits, (labels, ious)), expected)


def test_the_focus_has_no_gradient(drawn):
    logits, labels, ious = drawn
    logits.requires_grad_()
    IoUVarifocalLoss(reduction="sum")(logits, (labels, ious)).backward()
    objects = F.one_hot(labels, C + 1)[:, :C].bool()
    p, q = logits.detach().sigmoid(), ious[:, None].expand(-1, C)
    torch.testing.assert_close(logits.grad, torch.where(objects, q * (p - q), 0.75 * p**3))


def test_an_object_without_overlap_costs_nothing():
    logits = torch.tensor([[2.0, -30.0]], requires_grad=True)
    loss = IoUVarifocalLoss(reduction="sum")(logits, (torch.tensor([0]), torch.tensor([0.0])))
    loss.backward()
    assert loss.item() == pytest.approx(0) and logits.grad[0, 0] == 0


def test_detrs_head_gives_it_overlaps():
    cfg = {
        "type": "DINOHead",
        "num_classes": C,
        "embed_dims": 8,
        "loss_cls": {"type": "IoUVarifocalLoss", "alpha": 0.5},
    }
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        head = MODELS.build(cfg)
    assert head.cls_out_channels == C and head.loss_cls.alpha == 0.5
