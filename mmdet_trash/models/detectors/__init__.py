"""Detectors."""

from mmdet_trash.models.detectors.rtdetr import RTDETR
from mmdet_trash.models.detectors.with_laterals import ATSS, FCOS, CascadeRCNN, FasterRCNN, MaskRCNN, RetinaNet
from mmdet_trash.models.detectors.yolov7 import YOLOv7, convert_official_state_dict

__all__ = [
    "ATSS",
    "FCOS",
    "RTDETR",
    "CascadeRCNN",
    "FasterRCNN",
    "MaskRCNN",
    "RetinaNet",
    "YOLOv7",
    "convert_official_state_dict",
]
