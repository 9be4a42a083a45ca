"""Necks: from a backbone's maps to a pyramid."""

from mmdet_trash.models.necks.augfpn import AugFPN
from mmdet_trash.models.necks.bifpn import BiFPN
from mmdet_trash.models.necks.hybrid_encoder import HybridEncoder
from mmdet_trash.models.necks.level_plugins import LevelPlugins
from mmdet_trash.models.necks.mlfpn import MLFPN
from mmdet_trash.models.necks.pafpn import PAFPN
from mmdet_trash.models.necks.pyramid import Pyramid
from mmdet_trash.models.necks.yolov7_pafpn import YOLOv7PAFPN

__all__ = ["MLFPN", "PAFPN", "AugFPN", "BiFPN", "HybridEncoder", "LevelPlugins", "Pyramid", "YOLOv7PAFPN"]
