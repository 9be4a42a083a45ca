"""Transformers whose pretrained backbone learns as fast as the rest."""

import inspect
from collections.abc import Iterator

from mmdet.models.detectors.base_detr import DetectionTransformer

from mmdet_trash.engine.lint.finding import Finding
from mmdet_trash.engine.lint.registered import type_of
from mmdet_trash.engine.lint.subject import Subject


def check_backbone_lr(subject: Subject) -> Iterator[Finding]:
    """DETRs with a pretrained backbone and no learning rate of its own: all of their papers train it at a tenth."""
    model, wrapper = subject.cfg.get("model"), subject.cfg.get("optim_wrapper")
    kind = type_of(subject, model)
    if not inspect.isclass(kind) or not issubclass(kind, DetectionTransformer) or not isinstance(wrapper, dict):
        return
    pretrained = subject.at(("model", "backbone", "init_cfg", "type")) == "Pretrained"
    named = any("backbone" in name for name in subject.at(("optim_wrapper", "paramwise_cfg", "custom_keys")) or ())
    if pretrained and not named and "constructor" not in wrapper:
        what = f"{kind.__name__}'s pretrained backbone has the learning rate of the rest"
        right = "paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))) is right"
        yield subject.finding(("optim_wrapper", "optimizer"), what, right)
