"""What heads match boxes to objects with."""

from mmdet_trash.models.task_modules.yolo_matching import Matches, Objects, match_by_ratio, match_by_simota

__all__ = ["Matches", "Objects", "match_by_ratio", "match_by_simota"]
