"""What configs name as parts of a model. Importing it registers them."""

from mmdet_trash.models import dense_heads, detectors, losses, necks, roi_heads, test_time_augs

__all__ = ["dense_heads", "detectors", "losses", "necks", "roi_heads", "test_time_augs"]
