"""The RoIs that a one-stage head supervises the laterals with: its own detections."""

from typing import Any

import pytest
import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.config import ConfigDict
from torch import Tensor

from tests.models.roi_heads.test_consistent_supervision import recorded_losses
from tests.models.tiny_detectors import (
    BOXES,
    ONE_STAGE,
    batch,
    build,
    lateral_losses,
    losses_of,
    proposals,
    sampler,
    tiny_cfg,
)


def model_of(kind: str, head: dict[str, Any] | None = None, **supervision: Any) -> torch.nn.Module:
    cfg = tiny_cfg(kind, **supervision)
    cfg.bbox_head.update(head or {})
    model = build(cfg)
    # As they are drawn all scores are alike and all boxes of one size: nothing would depend on which is whose.
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.bbox_head.named_parameters():
        if name.startswith(("retina_", "conv_", "atss_")) and name.endswith("weight"):
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.05
    return model


def detections(model: torch.nn.Module, cfg: dict[str, Any]) -> list[Tensor]:
    """Each image's boxes as the head would give them in evaluation, from the pyramid of training."""
    data = model.data_preprocessor(batch(), training=True)
    pyramid = model.extract_feat(data["inputs"])
    head = model.bbox_head.eval()
    metas = [sample.metainfo for sample in data["data_samples"]]
    with torch.no_grad():
        found = head.predict_by_feat(*head(pyramid), batch_img_metas=metas, cfg=ConfigDict(cfg))
    return [instances.bboxes for instances in found]


def in_rows_of(boxes: Tensor, among: Tensor) -> Tensor:
    """Whether each box is one of the others, to a hundredth of a pixel."""
    return (torch.cdist(boxes, among, p=torch.inf) < 0.01).any(1)


@pytest.mark.parametrize(("kind", "head"), [*((kind, {}) for kind in ONE_STAGE), ("fcos", {"norm_on_bbox": True})])
def test_the_rois_are_what_the_head_detects_in_evaluation_and_the_objects(kind, head, monkeypatch):
    model = model_of(kind, head, sampler=sampler(400))  # all are drawn
    _, (_, results, _) = recorded_losses(model, monkeypatch)
    for result, own, objects in zip(results, detections(model, proposals(60)), BOXES, strict=True):
        objects = torch.tensor(objects, dtype=torch.float32)
        assert in_rows_of(result.priors, torch.cat([objects, own])).all()
        assert in_rows_of(objects, result.pos_priors).all()
        assert in_rows_of(own, result.priors).sum() > 10


@pytest.mark.parametrize("kind", ONE_STAGE)
def test_the_rois_carry_no_gradient(kind, monkeypatch):
    _, (_, results, _) = recorded_losses(model_of(kind), monkeypatch)
    for result in results:
        assert len(result.priors) > 0
        assert not result.priors.requires_grad


@pytest.mark.parametrize("kind", ONE_STAGE)
def test_rois_are_of_an_object_from_half_an_overlap_on(kind, monkeypatch):
    _, (_, results, _) = recorded_losses(model_of(kind), monkeypatch)
    for result, objects in zip(results, BOXES, strict=True):
        objects = torch.tensor(objects, dtype=torch.float32)
        overlaps, nearest = bbox_overlaps(result.pos_priors, objects).max(1)
        assert (overlaps >= 0.5).all() and torch.equal(result.pos_gt_labels, nearest)
        assert (bbox_overlaps(result.neg_priors, objects).amax(1) < 0.5).all()


@pytest.mark.parametrize("kind", ONE_STAGE)
def test_how_many_rois_there_are_can_be_said(kind, monkeypatch):
    few = {"sampler": sampler(20), "proposal": proposals(12)}
    _, (_, results, _) = recorded_losses(model_of(kind, **few), monkeypatch)
    assert [len(result.priors) for result in results] == [12 + len(objects) for objects in BOXES]
    fewer = {"sampler": sampler(5), "proposal": proposals(12)}
    _, (_, results, _) = recorded_losses(model_of(kind, **fewer), monkeypatch)
    assert [len(result.priors) for result in results] == [5, 5]


@pytest.mark.parametrize("kind", ONE_STAGE)
def test_the_assigner_can_be_said(kind, monkeypatch):
    strict = {"type": "MaxIoUAssigner", "pos_iou_thr": 0.99, "neg_iou_thr": 0.99, "match_low_quality": False}
    _, (_, results, _) = recorded_losses(model_of(kind, assigner=strict), monkeypatch)
    assert [len(result.pos_priors) for result in results] == [len(objects) for objects in BOXES]


@pytest.mark.parametrize("kind", ONE_STAGE)
def test_a_loss_outside_training_detects_nothing(kind, monkeypatch):
    def refuse(*_):
        raise AssertionError("loss_and_predict was called")

    model = model_of(kind)
    monkeypatch.setattr(model.bbox_head, "loss_and_predict", refuse)
    with pytest.raises(AssertionError, match="loss_and_predict was called"):
        losses_of(model)
    losses = losses_of(model.eval())
    assert losses and not lateral_losses(losses)


@pytest.mark.parametrize("kind", ONE_STAGE)
def test_without_any_roi_the_auxiliary_head_still_has_gradients(kind, monkeypatch):
    """Several processes train together: each must give a gradient for every parameter."""
    model = model_of(kind, proposal={**proposals(60), "score_thr": 1.0})
    losses = lateral_losses(losses_of(model, batch([(), ()])))
    sum(value for name, value in losses.items() if "loss" in name).backward()
    grads = {name: p.grad for name, p in model.bbox_head.consistent_supervision.named_parameters()}
    assert [name for name, grad in grads.items() if grad is None] == []
    assert not any(grad.any() for grad in grads.values())
