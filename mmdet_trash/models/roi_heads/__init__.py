"""RoI heads, extractors, and the supervision of laterals."""

from mmdet_trash.models.roi_heads.cascade_roi_head import CascadeRoIHead
from mmdet_trash.models.roi_heads.consistent_supervision import ConsistentSupervision, SupervisesLaterals
from mmdet_trash.models.roi_heads.roi_extractors import SoftRoIExtractor
from mmdet_trash.models.roi_heads.standard_roi_head import StandardRoIHead

__all__ = ["CascadeRoIHead", "ConsistentSupervision", "SoftRoIExtractor", "StandardRoIHead", "SupervisesLaterals"]
