"""The split that a dataset without folds is trained and validated on."""

from typing import Any

import numpy as np

from mmdet_trash.datasets.folds import deal
from mmdet_trash.errors import InputError


def holdout_image_ids(coco: dict[str, Any], fraction: float = 0.2, seed: int = 0) -> set[int]:
    """Choose images to validate on, all boxes of an image together, classes in the proportions of the whole.

    Args:
        coco: a ground truth, as `load_annotations` gives it.
        fraction: share of the images to choose; one over a whole number.
        seed: another one chooses other images; the same chooses the same.

    Returns:
        Image ids; none when there are fewer images than parts.

    Raises:
        InputError: when the fraction is not above 0 and at most a half.
    """
    if not 0 < fraction <= 0.5:
        raise InputError(f"holdout: a fraction of {fraction} cannot be held out, 0.5 or less is right")
    boxed = [(a["image_id"], a["category_id"]) for a in coco["annotations"]]
    empty = {image["id"] for image in coco["images"]} - {image_id for image_id, _ in boxed}
    # An image without boxes is a stratum of its own kind, so that these are shared out as well.
    rows = np.array(boxed + [(image_id, -1) for image_id in sorted(empty)], dtype=np.int64).reshape(-1, 2)
    groups, labels = rows[:, 0], rows[:, 1]
    folds = round(1 / fraction)
    if len(np.unique(groups)) < folds:
        return set()
    return set(next(deal(groups, labels, folds, seed)).tolist())
