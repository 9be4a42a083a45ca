"""Metrics on predictions. Imports neither torch nor MMDetection."""

from mmdet_trash.evaluation.coco import CocoMetrics, evaluate_coco

__all__ = ["CocoMetrics", "evaluate_coco"]
