"""RoI extractors: from a pyramid and boxes to features of one size."""

from mmdet_trash.models.roi_heads.roi_extractors.soft_roi_extractor import SoftRoIExtractor

__all__ = ["SoftRoIExtractor"]
