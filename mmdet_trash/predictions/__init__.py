"""Detections as columns, and the files they come from and go to. Imports neither torch nor MMDetection."""

from mmdet_trash.predictions.columns import ImageTable, Predictions, from_annotations
from mmdet_trash.predictions.readers import read_submission
from mmdet_trash.predictions.writers import WRITERS, write_predictions

__all__ = ["WRITERS", "ImageTable", "Predictions", "from_annotations", "read_submission", "write_predictions"]
