"""Detections as columns, and the files they come from and go to. Imports neither torch nor MMDetection."""

from mmdet_trash.predictions.columns import ImageTable, Predictions, from_annotations
from mmdet_trash.predictions.readers import READERS, read, read_predictions
from mmdet_trash.predictions.reading import Reading
from mmdet_trash.predictions.submission_csv import read_submission
from mmdet_trash.predictions.writers import WRITERS, write_predictions

__all__ = [
    "READERS",
    "WRITERS",
    "ImageTable",
    "Predictions",
    "Reading",
    "from_annotations",
    "read",
    "read_predictions",
    "read_submission",
    "write_predictions",
]
