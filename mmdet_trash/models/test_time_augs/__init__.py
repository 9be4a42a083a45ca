"""Models that merge what a detector finds in augmented views of an image."""

from mmdet_trash.models.test_time_augs.fusion_tta import FusionTTA

__all__ = ["FusionTTA"]
