from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdet_trash.errors import InputError
from mmdet_trash.registry import TRANSFORMS

HUES = 180
"""OpenCV counts hue in steps of two degrees."""


@TRANSFORMS.register_module()
class HSVJitter(BaseTransform):
    """Multiply hue, saturation and value of an image by random factors, by one table of 256 entries.

    Required and modified keys: `img`, (H, W, 3) uint8 BGR.

    Args:
        hue: most that the factor differs from 1.
        saturation: most that the factor differs from 1.
        value: most that the factor differs from 1.

    Raises:
        InputError: when one is not from 0 to 1.
    """

    def __init__(self, hue: float = 0.015, saturation: float = 0.7, value: float = 0.4) -> None:
        for name, gain in (("hue", hue), ("saturation", saturation), ("value", value)):
            if not 0 <= gain <= 1:
                raise InputError(f"HSVJitter: {name} {gain} is out of range, 0 to 1 is right")
        self.gains = np.array([hue, saturation, value])

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        factors = 1 + np.random.uniform(-1, 1, 3) * self.gains
        table = np.arange(256)[:, None] * factors
        table[:, 0] %= HUES
        table = table.clip(0, 255).astype(np.uint8)
        hsv = cv2.cvtColor(results["img"], cv2.COLOR_BGR2HSV)
        # Faster than OpenCV's own tables of three channels.
        hsv = cv2.merge([cv2.LUT(channel, column) for channel, column in zip(cv2.split(hsv), table.T, strict=True)])
        return {**results, "img": cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, hsv)}
