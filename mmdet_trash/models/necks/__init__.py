"""Necks: from a backbone's maps to a pyramid."""

from mmdet_trash.models.necks.augfpn import AugFPN
from mmdet_trash.models.necks.pafpn import PAFPN
from mmdet_trash.models.necks.pyramid import Pyramid

__all__ = ["PAFPN", "AugFPN", "Pyramid"]
