"""Metrics on predictions. Imports neither torch nor MMDetection."""

from mmdet_trash.evaluation.coco import CocoMetrics, Map50, evaluate_coco

__all__ = ["CocoMetrics", "Map50", "evaluate_coco"]
