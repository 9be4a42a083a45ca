"""Backbones: from images to maps."""

from mmdet_trash.models.backbones.yolov7 import YOLOv7Backbone

__all__ = ["YOLOv7Backbone"]
