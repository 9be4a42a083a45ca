"""Necks: from a backbone's maps to a pyramid."""

from mmdet_trash.models.necks.augfpn import AugFPN
from mmdet_trash.models.necks.pafpn import PAFPN
from mmdet_trash.models.necks.pyramid import Pyramid
from mmdet_trash.models.necks.yolov7_pafpn import YOLOv7PAFPN

__all__ = ["PAFPN", "AugFPN", "Pyramid", "YOLOv7PAFPN"]
