"""Backbones: from images to maps."""

from mmdet_trash.models.backbones.detectors_resnet import DetectoRS_ResNet
from mmdet_trash.models.backbones.efficientnet import EfficientNet
from mmdet_trash.models.backbones.hugging_face import HuggingFaceBackbone
from mmdet_trash.models.backbones.mlp_mixer import MLPMixer
from mmdet_trash.models.backbones.resnet_v1d import ResNetV1d
from mmdet_trash.models.backbones.yolov7 import YOLOv7Backbone

__all__ = ["DetectoRS_ResNet", "EfficientNet", "HuggingFaceBackbone", "MLPMixer", "ResNetV1d", "YOLOv7Backbone"]
