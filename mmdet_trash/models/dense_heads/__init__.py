"""One-stage heads."""

from mmdet_trash.models.dense_heads.consistent_dense_heads import ATSSHead, FCOSHead, RetinaHead

__all__ = ["ATSSHead", "FCOSHead", "RetinaHead"]
