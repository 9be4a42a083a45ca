"""Transforms that mix images, and the pipelines made of them."""

from mmdet_trash.datasets.transforms.copy_paste import CopyPaste, MirrorPaste
from mmdet_trash.datasets.transforms.hsv import HSVJitter
from mmdet_trash.datasets.transforms.mixing import attach
from mmdet_trash.datasets.transforms.mixup import CutMix, MixUp
from mmdet_trash.datasets.transforms.mosaic import Mosaic
from mmdet_trash.datasets.transforms.perspective import RandomPerspective
from mmdet_trash.datasets.transforms.yolo import HYP, yolo_matching, yolo_pipeline

__all__ = [
    "HYP",
    "CopyPaste",
    "CutMix",
    "HSVJitter",
    "MirrorPaste",
    "MixUp",
    "Mosaic",
    "RandomPerspective",
    "attach",
    "yolo_matching",
    "yolo_pipeline",
]
