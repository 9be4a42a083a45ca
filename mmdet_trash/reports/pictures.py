"""Small copies of photographs, for pages that hold everything themselves."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mmdet_trash.errors import InputError
from mmdet_trash.reports.parts import Corners

LONGEST = 640
"""Pixels of a copy's longer side."""
QUALITY = 78


def check_folder(root: Path | None) -> None:
    """Check that the folder of images that was named, if one was, is there.

    Raises:
        InputError: when it is not.
    """
    if root is not None and not root.is_dir():
        raise InputError(f"{root}: no such folder, that of the images is right")


def small_jpeg(path: Path, size: np.ndarray, window: Corners) -> bytes | None:
    """A small copy of a part of an image, turned as its EXIF says.

    Args:
        path: the image.
        size: (2,) width and height that its annotations are about; the file may be of another.
        window: the part, xyxy in pixels of that size.

    Returns:
        A JPEG file's content, or None where the image is missing or broken.
    """
    try:
        with Image.open(path) as photograph:
            image = ImageOps.exif_transpose(photograph).convert("RGB")
            left, top, right, bottom = (np.array(window).reshape(2, 2) * image.size / size).ravel().tolist()
            image = image.crop((left, top, right, bottom))
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
