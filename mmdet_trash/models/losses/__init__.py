"""Losses of boxes and classes."""

from mmdet_trash.models.losses.class_balance import effective_number_weights
from mmdet_trash.models.losses.class_losses import CrossEntropyLoss, FocalLoss
from mmdet_trash.models.losses.iou_losses import (
    AlphaIoULoss,
    CIoULoss,
    DIoULoss,
    EIoULoss,
    FocalEIoULoss,
    GIoULoss,
    InnerIoULoss,
    IoULoss,
    MPDIoULoss,
    SIoULoss,
    bbox_iou_loss,
)
from mmdet_trash.models.losses.iou_varifocal_loss import IoUVarifocalLoss
from mmdet_trash.models.losses.wiou_loss import WIoULoss

__all__ = [
    "AlphaIoULoss",
    "CIoULoss",
    "CrossEntropyLoss",
    "DIoULoss",
    "EIoULoss",
    "FocalEIoULoss",
    "FocalLoss",
    "GIoULoss",
    "InnerIoULoss",
    "IoULoss",
    "IoUVarifocalLoss",
    "MPDIoULoss",
    "SIoULoss",
    "WIoULoss",
    "bbox_iou_loss",
    "effective_number_weights",
]
