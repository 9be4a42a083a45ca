"""RoI heads, extractors, and the supervision of laterals."""

from mmdet_trash.models.roi_heads.consistent_roi_heads import CascadeRoIHead, StandardRoIHead
from mmdet_trash.models.roi_heads.consistent_supervision import ConsistentSupervision, SupervisesLaterals
from mmdet_trash.models.roi_heads.roi_extractors import SoftRoIExtractor

__all__ = [
    "CascadeRoIHead",
    "ConsistentSupervision",
    "SoftRoIExtractor",
    "StandardRoIHead",
    "SupervisesLaterals",
]
