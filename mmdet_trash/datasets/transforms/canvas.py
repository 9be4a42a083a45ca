"""Several images on one canvas, seen through one matrix: each is warped once, from its file to its place."""

from __future__ import annotations

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
        """(H, W, 3) uint8 BGR, at least `shrink` times the size, or all there is; not to be written to.

        Raises:
            UnreadableImage: naming the file, with `path`.
            InputError: when the sample holds no image and no dataset to read it is known.
        """
        if "img" in self.results:
            return self.results["img"]
        if self.images is None:
            raise InputError(
                "pipeline: a transform that reads images knows no dataset; a hook AugmentationHook, or "
                "mmdet_trash.datasets.transforms.attach(dataset), tells it"
            )
        return self.images.read(self.results, shrink)


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
        x1, y1, x2, y2 = self.visible
        corners = matrix @ np.array([[x1, x2, x2, x1], [y1, y1, y2, y2], [1, 1, 1, 1]])
        quad = corners[:2] / corners[2]
        # A pixel belongs to the tile that its centre lies in: tiles neither overlap nor leave a seam.
        first = np.ceil(quad.min(1) - 0.5).clip(0)
        last = np.minimum(np.ceil(quad.max(1) - 0.5), out.shape[1::-1])
        if x2 <= x1 or y2 <= y1 or (first >= last).any():
            return self.sample.objects.select(np.zeros(len(self.sample.objects), bool))
        region = (*first.astype(int).tolist(), *last.astype(int).tolist())
        scale = np.hypot(*matrix[:2, :2]).max() / corners[2].min()
        pixels = self.sample.pixels(min(1.0, scale * (self.place[2] - self.place[0]) / self.sample.size[0]))
        if is_upright(matrix):
            return self._resize(out, matrix, boxes, region, pixels)
        return self._warp(out, matrix, boxes, region, pixels, quad)

    def _resize(
        self, out: np.ndarray, matrix: np.ndarray, boxes: BoxFilter, region: Region, pixels: np.ndarray
    ) -> Objects:
        """Where rectangles stay rectangles: resizing is several times as fast as warping.

        The cut through the image is moved to the border of a pixel, and boxes with it.
        """
        ends = np.array(region, np.float64).reshape(2, 2)
        size = np.array(pixels.shape[1::-1])
        start, extent = np.array(self.place[:2]), np.subtract(self.place[2:], self.place[:2])
        on_canvas = (ends - matrix[:2, 2]) / matrix.diagonal()[:2]
        cut = np.rint((on_canvas - start) * size / extent).clip(0, size)
        cut[0] = np.minimum(cut[0], size - 1)
        cut[1] = np.maximum(cut[1], cut[0] + 1)
        (left, top), (right, bottom) = cut.astype(int).tolist()
        x1, y1, x2, y2 = region
        cv2.resize(pixels[top:bottom, left:right], (x2 - x1, y2 - y1), out[y1:y2, x1:x2])

        scale = (ends[1] - ends[0]) / (cut[1] - cut[0])
        offset = ends[0] - cut[0] * scale
        whole = self.sample.objects.bboxes * np.tile(scale * size / self.sample.size, 2) + np.tile(offset, 2)
        seen = clip_boxes(whole, region)
        return self.sample.objects.moved(seen).select(boxes(seen, box_areas(whole)))

    def _warp(
        self,
        out: np.ndarray,
        matrix: np.ndarray,
        boxes: BoxFilter,
        region: Region,
        pixels: np.ndarray,
        quad: np.ndarray,
    ) -> Objects:
        left, top, right, bottom = region
        (x1, y1, x2, y2), size, full = self.place, pixels.shape[1::-1], self.sample.size
        to_canvas = np.array([[(x2 - x1) / size[0], 0, x1], [0, (y2 - y1) / size[1], y1], [0, 0, 1]])
        # OpenCV counts from the centre of a pixel.
        inverse = np.linalg.inv(shift(-left - 0.5, -top - 0.5) @ matrix @ to_canvas @ shift(0.5, 0.5))
        part = out[top:bottom, left:right]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpPerspective(pixels, inverse, part.shape[1::-1], None, flags, cv2.BORDER_REPLICATE)
        cv2.copyTo(warped, pixels_inside(quad - [[left], [top]], part.shape[:2]), part)

        whole = warp_boxes(self.sample.objects.bboxes, to_canvas @ np.diag([size[0] / full[0], size[1] / full[1], 1]))
        shown = clip_boxes(whole, self.visible)
        moved = warp_boxes(shown, matrix)
        seen = clip_boxes(moved, (0, 0, *out.shape[1::-1]))
        # The share that the window cuts off counts too, whatever the matrix does to areas.
        area = box_areas(moved) * box_areas(whole) / np.maximum(box_areas(shown), 1e-9)
        return self.sample.objects.moved(seen).select(boxes(seen, area))


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
