"""What configs name as parts of a model. Importing it registers them."""

from mmdet_trash.models import backbones, dense_heads, detectors, losses, necks, roi_heads, task_modules, test_time_augs

__all__ = ["backbones", "dense_heads", "detectors", "losses", "necks", "roi_heads", "task_modules", "test_time_augs"]
