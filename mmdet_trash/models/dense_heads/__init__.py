"""One-stage heads."""

from mmdet_trash.models.dense_heads.consistent_dense_heads import ATSSHead, FCOSHead, RetinaHead
from mmdet_trash.models.dense_heads.efficientdet_head import EfficientDetHead
from mmdet_trash.models.dense_heads.ssd_head import SSDHead
from mmdet_trash.models.dense_heads.yolov7_head import YOLOv7Head

__all__ = ["ATSSHead", "EfficientDetHead", "FCOSHead", "RetinaHead", "SSDHead", "YOLOv7Head"]
