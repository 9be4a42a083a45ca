"""Detectors."""

from mmdet_trash.models.detectors.with_laterals import ATSS, FCOS, CascadeRCNN, FasterRCNN, MaskRCNN, RetinaNet

__all__ = ["ATSS", "FCOS", "CascadeRCNN", "FasterRCNN", "MaskRCNN", "RetinaNet"]
