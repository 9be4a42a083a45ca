"""Box fusion over whole datasets. Imports neither torch nor MMDetection, and numba only when it first fuses."""

from mmdet_trash.fusion.calibration import Calibration, fit_calibration
from mmdet_trash.fusion.drop_in import nms, non_maximum_weighted, soft_nms, weighted_boxes_fusion
from mmdet_trash.fusion.fuse import fuse
from mmdet_trash.fusion.settings import FusionSettings

__all__ = [
    "Calibration",
    "FusionSettings",
    "fit_calibration",
    "fuse",
    "nms",
    "non_maximum_weighted",
    "soft_nms",
    "weighted_boxes_fusion",
]
