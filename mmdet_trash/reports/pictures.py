"""Small copies of photographs, for pages that hold everything themselves."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mmdet_trash.reports.parts import Corners

LONGEST = 640
"""Pixels of a copy's longer side."""
QUALITY = 78


def small_jpeg(path: Path, window: Corners | None = None) -> bytes | None:
    """A small copy of an image, turned as its EXIF says, or of a part of it.

    Args:
        path: the image.
        window: the part, xyxy in pixels; all of it if None.

    Returns:
        A JPEG file's content, or None where the image is missing or broken.
    """
    try:
        with Image.open(path) as photograph:
            if window is None:
                photograph.draft("RGB", (2 * LONGEST, 2 * LONGEST))
            image = ImageOps.exif_transpose(photograph).convert("RGB").crop(window)
            image.thumbnail((LONGEST, LONGEST))
    except Exception:  # Pillow's decoders raise whatever they stumble over
        return None
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()


def window_around(bboxes: np.ndarray, size: np.ndarray, times: float = 4, least: float = 240) -> Corners:
    """The part of an image to look at for some of its boxes.

    Args:
        bboxes: (N, 4) xyxy in pixels, one or more.
        size: (2,) width and height of the image.
        times: how much longer its sides are than what is around the boxes.
        least: pixels that its sides have at least, if the image has them.

    Returns:
        xyxy in whole pixels within the image.
    """
    low, high = bboxes[:, :2].min(axis=0), bboxes[:, 2:].max(axis=0)
    side = np.minimum(max(float((high - low).max()) * times, least), size)
    first = ((low + high - side) / 2).clip(0, size - side).round()
    return as_corners(np.concatenate([first, np.minimum(first + side.round(), size)]))


def as_corners(bbox: np.ndarray) -> Corners:
    """A box of four numbers as plain ones."""
    x1, y1, x2, y2 = bbox.tolist()
    return x1, y1, x2, y2
