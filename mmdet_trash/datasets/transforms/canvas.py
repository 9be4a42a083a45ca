"""Several images on one canvas, seen through one matrix: each is warped once, from its file to its place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mmdet_trash.datasets.transforms.images import Decoder, full_size
from mmdet_trash.datasets.transforms.objects import BoxFilter, Objects, box_areas, clip_boxes, warp_boxes
from mmdet_trash.errors import InputError

Region = tuple[float, float, float, float]
"""x1, y1, x2, y2."""
NOTHING = np.zeros(0, np.int64)


class Sample:
    """An image of a dataset with its objects. Its pixels are read when they are drawn, no larger than needed.

    Args:
        results: a data info, or what transforms made of it; with `img` its pixels are there already.
        images: reads the pixels otherwise.

    Attributes:
        size: `(width, height)` in pixels.
        objects: boxes in these pixels.
    """

    def __init__(self, results: dict[str, Any], images: Decoder | None) -> None:
        self.results, self.images = results, images
        self.objects = Objects.of(results)
        size = full_size(results)
        if "img" in results or size is None:
            height, width = self.pixels(1.0).shape[:2]
            size = (width, height)
        self.size = size

    def pixels(self, shrink: float) -> np.ndarray:
        """(H, W, 3) uint8 BGR, at least `shrink` times the size, or all that the file or a cache has; not to be
        written to.

        Raises:
            UnreadableImage: naming the file, with `path`.
            InputError: when the sample holds no image and no dataset to read it is known.
        """
        if "img" not in self.results:
            if self.images is None:
                raise InputError(
                    "pipeline: a transform that reads images knows no dataset; a hook AugmentationHook, or "
                    "mmdet_trash.datasets.transforms.attach(dataset), tells it"
                )
            return self.images.read(self.results, shrink)
        image = self.results["img"]
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(
                f"pipeline: an image of {image.dtype} and shape {image.shape} cannot be mixed or warped here; "
                "LoadImageFromFile without to_float32 and color_type gives uint8 of three channels"
            )
        return image

    def whole(self) -> tuple[np.ndarray, Objects]:
        """All of the image, (H, W, 3) uint8 not to be written to, and the objects in its pixels.

        It is smaller than the file's where a cache keeps it so.
        """
        image = self.pixels(1.0)
        ratio = np.array(image.shape[1::-1]) / self.size
        return image, self.objects.moved(self.objects.bboxes * np.tile(ratio, 2))


@dataclass(frozen=True)
class Tile:
    """An image's place on the canvas.

    Attributes:
        sample: the image.
        place: where the whole of it would lie, in canvas pixels.
        window: the part of the canvas that shows it.
    """

    sample: Sample
    place: Region
    window: Region

    @property
    def visible(self) -> Region:
        """Where it is seen: its place within its window."""
        return tuple(clip_boxes(np.array([self.place]), self.window)[0].tolist())

    def draw(self, out: np.ndarray, matrix: np.ndarray, boxes: BoxFilter) -> Objects:
        """Warp its visible part into the output.

        Args:
            out: (H, W, 3) uint8, changed.
            matrix: (3, 3), from canvas to output, both measured from the border of a pixel.
            boxes: which boxes are kept.

        Returns:
            Its objects in the output that are worth keeping.
        """
        if is_upright(matrix):
            return self._resize(out, matrix, boxes)
        return self._warp(out, matrix, boxes)

    def _resize(self, out: np.ndarray, matrix: np.ndarray, boxes: BoxFilter) -> Objects:
        """Where rectangles stay rectangles: resizing is several times as fast as warping.

        The cut through the image is moved to the border of a pixel, and boxes with it. In plain numbers, since arrays
        of two are slow.
        """
        scales, offsets = matrix.diagonal()[:2].tolist(), matrix[:2, 2].tolist()
        regions = [self._region(axis, scales[axis], offsets[axis], out.shape[1 - axis]) for axis in (0, 1)]
        if any(first >= last for first, last in regions):
            return self.sample.objects.select(NOTHING)
        full = self.sample.size
        pixels = self.sample.pixels(min(1.0, max(scales) * (self.place[2] - self.place[0]) / full[0]))
        cuts, ratios, shifts = [], [], []
        for axis, (first, last) in enumerate(regions):
            start, length = self.place[axis], pixels.shape[1 - axis]
            per_pixel = length / (self.place[axis + 2] - start)
            low, high = (round(((end - offsets[axis]) / scales[axis] - start) * per_pixel) for end in (first, last))
            low = min(max(low, 0), length - 1)
            high = min(max(high, low + 1), length)
            cuts.append((low, high))
            ratio = (last - first) / (high - low)
            ratios.append(ratio * length / full[axis])
            shifts.append(first - low * ratio)
        ((left, right), (top, bottom)), ((x1, x2), (y1, y2)) = cuts, regions
        cv2.resize(pixels[top:bottom, left:right], (x2 - x1, y2 - y1), out[y1:y2, x1:x2])
        if not len(self.sample.objects):
            return self.sample.objects
        whole = self.sample.objects.bboxes * (ratios * 2) + (shifts * 2)
        seen = clip_boxes(whole, (x1, y1, x2, y2))
        return self.sample.objects.moved(seen).select(boxes(seen, box_areas(whole)))

    def _region(self, axis: int, scale: float, offset: float, length: int) -> tuple[int, int]:
        """First pixel of the output, and the one after the last, whose centre lies in the tile, along an axis."""
        start, end = max(self.place[axis], self.window[axis]), min(self.place[axis + 2], self.window[axis + 2])
        return max(0, math.ceil(scale * start + offset - 0.5)), min(length, math.ceil(scale * end + offset - 0.5))

    def _warp(self, out: np.ndarray, matrix: np.ndarray, boxes: BoxFilter) -> Objects:
        (left, top, right, bottom), objects = self.visible, self.sample.objects
        corners = matrix @ np.array([[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]])
        quad = corners[:2] / corners[2]
        x1, y1 = np.floor(quad.min(1)).astype(int).clip(0).tolist()
        x2, y2 = np.minimum(np.ceil(quad.max(1)).astype(int), out.shape[1::-1]).tolist()
        if right <= left or bottom <= top or x2 <= x1 or y2 <= y1:
            return objects.select(NOTHING)
        scale = np.hypot(*matrix[:2, :2]).max() / corners[2].min()
        pixels = self.sample.pixels(min(1.0, scale * (self.place[2] - self.place[0]) / self.sample.size[0]))
        to_canvas = self._to_canvas(pixels.shape[1::-1])
        # OpenCV counts from the centre of a pixel.
        inverse = np.linalg.inv(shift(-x1 - 0.5, -y1 - 0.5) @ matrix @ to_canvas @ shift(0.5, 0.5))
        part = out[y1:y2, x1:x2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpPerspective(pixels, inverse, part.shape[1::-1], None, flags, cv2.BORDER_REPLICATE)
        cv2.copyTo(warped, pixels_inside(quad - [[x1], [y1]], part.shape[:2]), part)

        whole = warp_boxes(objects.bboxes, self._to_canvas(self.sample.size))
        shown = clip_boxes(whole, self.visible)
        moved = warp_boxes(shown, matrix)
        seen = clip_boxes(moved, (0, 0, *out.shape[1::-1]))
        # The share that the window cuts off counts too, whatever the matrix does to areas.
        area = box_areas(moved) * box_areas(whole) / np.maximum(box_areas(shown), 1e-9)
        return objects.moved(seen).select(boxes(seen, area))

    def _to_canvas(self, size: tuple[int, int]) -> np.ndarray:
        """From the pixels of an image of this size, `(width, height)`."""
        x1, y1, x2, y2 = self.place
        return np.array([[(x2 - x1) / size[0], 0, x1], [0, (y2 - y1) / size[1], y1], [0, 0, 1]])


def render(
    tiles: Sequence[Tile], matrix: np.ndarray, size: tuple[int, int], boxes: BoxFilter, pad_val: int = 114
) -> tuple[np.ndarray, Objects]:
    """See tiles through a matrix.

    Args:
        tiles: what lies on the canvas; their windows do not overlap.
        matrix: (3, 3), from canvas to output, both measured from the border of a pixel.
        size: `(width, height)` of the output.
        boxes: which boxes are kept.
        pad_val: where no tile is.

    Returns:
        (height, width, 3) uint8 BGR, and the objects in it.
    """
    out = np.full((size[1], size[0], 3), pad_val, np.uint8)
    return out, Objects.concat([tile.draw(out, matrix, boxes) for tile in tiles])


def is_upright(matrix: np.ndarray) -> bool:
    """Whether rectangles stay rectangles: nothing turns, shears or recedes."""
    return not (matrix[0, 1] or matrix[1, 0] or matrix[2, :2].any())


def pixels_inside(quad: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8, 1 where a pixel's centre lies in a convex quadrilateral of (2, 4) corners, clockwise."""
    x, y = np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5
    inside = np.ones(shape, bool)
    for (x1, y1), (x2, y2) in zip(quad.T, np.roll(quad, -1, 1).T, strict=True):
        inside &= ((x2 - x1) * (y - y1))[:, None] >= ((y2 - y1) * (x - x1))[None]
    return inside.view(np.uint8)


def shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)
