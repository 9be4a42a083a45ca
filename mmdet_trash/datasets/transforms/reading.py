"""Reading image files for training: eight bits, BGR, upright, no larger than needed."""

import math
from pathlib import Path

import cv2
import numpy as np

REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""OpenCV's flag for an image whose sides are divided by a number."""
JPEG = b"\xff\xd8"


class UnreadableImage(Exception):
    """A file that is missing, no image or cut short.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)


def read_image(path: str | Path, shrink: float = 1.0) -> np.ndarray:
    """Read an image as MMDetection's `LoadImageFromFile` does, or a smaller one.

    Grey becomes three equal channels, 16 bits become 8, an alpha channel is dropped, EXIF's rotation is applied.

    Args:
        path: of the file.
        shrink: the share of its width and height that is enough. They are divided by 2, 4 or 8 if that much is left,
            which a JPEG's decoder does in passing.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        UnreadableImage: naming the file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableImage(path, error.strerror or "cannot be opened") from None
    divisor = max(by for by in REDUCED if by * shrink <= 1)
    jpeg = data.startswith(JPEG)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[divisor if jpeg else 1]) if data else None
    if image is None:
        raise UnreadableImage(path, "cannot be read as an image")
    if divisor > 1 and not jpeg:
        # OpenCV would leave pixels out.
        size = [math.ceil(side / divisor) for side in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return image
