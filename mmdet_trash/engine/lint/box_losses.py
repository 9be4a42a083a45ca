"""Losses of boxes, given to heads whose predictions are no boxes."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from mmdet.models.dense_heads.anchor_head import AnchorHead
from mmdet.models.roi_heads.bbox_heads.bbox_head import BBoxHead

from mmdet_trash.engine.lint.finding import Finding, walk
from mmdet_trash.engine.lint.registered import type_of
from mmdet_trash.engine.lint.subject import Subject
from mmdet_trash.models.losses.iou_losses import BBoxIoULoss

THEIRS = "mmdet.models.losses.iou_loss"
"""The module of MMDetection's losses of the overlap of two boxes."""
FLAG = "reg_decoded_bbox"


def check_box_losses(subject: Subject) -> Iterator[Finding]:
    """Heads that hand an IoU loss their deltas: it trains, on the overlap of what are no boxes."""
    for path, node in walk(subject.cfg.get("model"), ("model",)):
        head, loss = type_of(subject, node), type_of(subject, node.get("loss_bbox"))
        if not inspect.isclass(loss) or not (issubclass(loss, BBoxIoULoss) or loss.__module__ == THEIRS):
            continue
        if _hands_over_deltas(head) and not node.get(FLAG, _default(head)):
            what = f"{loss.__name__} compares boxes, and {head.__name__} hands it deltas"
            right = f"{FLAG}=True beside loss_bbox decodes them first"
            yield subject.finding((*path, "loss_bbox", "type"), what, right)


def _hands_over_deltas(head: Any) -> bool:
    """Whether a head's loss of boxes is that of anchors or of RoIs, which decodes if the flag is set."""
    if not inspect.isclass(head):
        return False
    for kind, outer, inner in (
        (AnchorHead, "loss_by_feat", "loss_by_feat_single"),
        (BBoxHead, "loss_and_target", "loss"),
    ):
        if issubclass(head, kind):
            # A head with another loss of its own does not get there.
            return not {outer, inner}.isdisjoint(_names(getattr(head, outer))) and FLAG in _names(getattr(head, inner))
    return False


def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    return inspect.unwrap(function).__code__.co_names


def _default(head: Any) -> bool:
    """What the flag is when a config says nothing, by the first class with a say."""
    for kind in head.__mro__:
        init = kind.__dict__.get("__init__")
        parameter = inspect.signature(init).parameters.get(FLAG) if init else None
        if parameter is not None:
            return parameter.default
        if init is not None and f"{FLAG}=True" in inspect.getsource(init).replace(" ", ""):
            return True
    return False
