from __future__ import annotations

from typing import Any

import numpy as np

from mmdet_trash.datasets.transforms.canvas import Sample, Tile, render
from mmdet_trash.datasets.transforms.image_cache import fitting_size
from mmdet_trash.datasets.transforms.mixing import MixingTransform
from mmdet_trash.datasets.transforms.objects import BoxFilter
from mmdet_trash.errors import InputError
from mmdet_trash.registry import TRANSFORMS

NEAREST = 0.1
"""Least depth of a corner of the canvas; it is 1 in the middle."""


@TRANSFORMS.register_module()
class RandomPerspective(MixingTransform):
    """Resize an image to fit a frame, turn, shift, scale, shear and tilt it, in one warp.

    The image lies in the middle of the frame. Boxes become the upright boxes around theirs and are cut at the border.

    Required and modified keys: see :class:`MixingTransform`.

    Args:
        img_scale: `(width, height)` of the output; the image's own size by default.
        degrees: most degrees that it turns, either way.
        translate: most that it is shifted, in shares of the width and height.
        scale: most that its scale differs from 1.
        shear: most degrees that it is sheared, along each axis.
        perspective: most that the depth changes a pixel, along each axis.
        boxes: arguments of :class:`BoxFilter`, which says what boxes are worth keeping.
        pad_val: grey where no image is.
        **kwargs: see :class:`MixingTransform`; with `prob` below 1 some images are resized only.

    Raises:
        InputError: when a magnitude is out of range.

    Example:
        >>> import numpy as np
        >>> transform = RandomPerspective(img_scale=(64, 48), degrees=10, scale=0.2)
        >>> image, boxes = np.zeros((30, 40, 3), np.uint8), [dict(bbox=[5, 5, 35, 25], bbox_label=1)]
        >>> results = transform(dict(img_path="", img=image, instances=boxes))
        >>> results["img"].shape, results["gt_bboxes"].tensor.shape
        ((48, 64, 3), torch.Size([1, 4]))
    """

    closes = False
    grid = 1

    def __init__(
        self,
        img_scale: tuple[int, int] | None = None,
        degrees: float = 0.0,
        translate: float = 0.1,
        scale: float = 0.5,
        shear: float = 0.0,
        perspective: float = 0.0,
        boxes: dict[str, float] | None = None,
        pad_val: int = 114,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        pair = img_scale is None or (
            isinstance(img_scale, tuple | list) and len(img_scale) == 2 and min(img_scale) >= 1
        )
        if not pair:
            raise InputError(f"{type(self).__name__}: img_scale {img_scale} is no (width, height) in pixels")
        self.img_scale = None if img_scale is None else (int(img_scale[0]), int(img_scale[1]))
        self.boxes = BoxFilter(**(boxes or {}))
        self.pad_val = pad_val
        for name, value, below in (
            ("degrees", degrees, np.inf),
            ("translate", translate, np.inf),
            ("scale", scale, 1),
            ("shear", shear, 45),
            ("perspective", perspective, self._most_perspective()),
        ):
            if not isinstance(value, int | float) or not 0 <= value < below:
                raise InputError(
                    f"{type(self).__name__}: {name} {value} is out of range, 0 or more and below {below:.3g} is right"
                )
        self.magnitudes = np.array([perspective, perspective, degrees, scale, shear, shear, translate, translate])

    def mix_img_transform(self, results: dict[str, Any], others: list[Sample]) -> dict[str, Any]:
        sample = Sample(results, self.images)
        size = self.img_scale or sample.size
        return self._rendered(results, [centred(sample, size)], self.draw_matrix(size), size)

    def alone(self, results: dict[str, Any]) -> dict[str, Any]:
        sample = Sample(results, self.images)
        size = self.img_scale or sample.size
        return self._rendered(results, [centred(sample, size)], to_frame(size), size)

    def draw_matrix(self, size: tuple[int, int]) -> np.ndarray:
        """A random matrix, (3, 3), from a canvas measured from its middle to an output of `(width, height)`."""
        tilt_x, tilt_y, turn, scale, shear_x, shear_y, *move = np.random.uniform(-1, 1, 8) * self.magnitudes
        tilted = np.array([[1, 0, 0], [0, 1, 0], [tilt_x, tilt_y, 1]])
        turn, (shear_x, shear_y) = np.deg2rad(turn), np.tan(np.deg2rad([shear_x, shear_y]))
        # Of a larger grid as much is seen as of one of two by two, only smaller.
        zoom = (1 + scale) / max(1, self.grid - 1)
        cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
        turned = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
        sheared = np.array([[1, shear_x, 0], [shear_y, 1, 0], [0, 0, 1]])
        return to_frame(size, *move) @ sheared @ turned @ tilted

    def _rendered(
        self, results: dict[str, Any], tiles: list[Tile], matrix: np.ndarray, size: tuple[int, int]
    ) -> dict[str, Any]:
        return self.packed(results, *render(tiles, matrix, size, self.boxes, self.pad_val))

    def _most_perspective(self) -> float:
        """What tilts a corner of the canvas to the nearest that it may come."""
        return (1 - NEAREST) / (sum(self.img_scale) * self.grid / 2) if self.img_scale else 1e-4


def to_frame(size: tuple[int, int], right: float = 0.0, down: float = 0.0) -> np.ndarray:
    """The matrix that puts a canvas's middle into that of an output, or beside it by shares of its size."""
    return np.array([[1, 0, (0.5 + right) * size[0]], [0, 1, (0.5 + down) * size[1]], [0, 0, 1]])


def centred(sample: Sample, size: tuple[int, int]) -> Tile:
    """An image resized to fit a size, in the middle of a canvas as large; measured from there."""
    width, height = fitting_size(sample.size, size, enlarge=True)
    # In whole pixels of the frame, so that nothing is blurred where nothing moves.
    x, y = (size[0] - width) // 2 - size[0] / 2, (size[1] - height) // 2 - size[1] / 2
    place = (x, y, x + width, y + height)
    return Tile(sample, place, place)
