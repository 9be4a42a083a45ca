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

    def objects(self, matrix: np.ndarray, size: tuple[int, int], boxes: BoxFilter) -> Objects:
        """Its objects that are worth keeping, in the pixels of the output."""
        objects = self.sample.objects
        (x1, y1, x2, y2), (width, height) = self.place, self.sample.size
        ratio, offset = [(x2 - x1) / width, (y2 - y1) / height], [x1, y1]
        whole = objects.bboxes * [*ratio, *ratio] + [*offset, *offset]
        shown = clip_boxes(whole, self.visible)
        warped = warp_boxes(shown, matrix)
        left = clip_boxes(warped, (0, 0, *size))
        # The share that the window cuts off counts too, whatever the matrix does to areas.
        area = box_areas(warped) * box_areas(whole) / np.maximum(box_areas(shown), 1e-9)
        keep = boxes(left, area)
        return objects.moved(left).select(keep)

    def draw(self, out: np.ndarray, matrix: np.ndarray) -> None:
        """Warp its visible part into the output, (H, W, 3) uint8."""
        x1, y1, x2, y2 = self.visible
        if x2 <= x1 or y2 <= y1:
            return
        corners = matrix @ np.array([[x1, x2, x2, x1], [y1, y1, y2, y2], [1, 1, 1, 1]])
        quad = corners[:2] / corners[2]
        # A pixel belongs to the tile that its centre lies in: tiles neither overlap nor leave a seam.
        first = np.ceil(quad.min(1) - 0.5).astype(int).clip(0)
        last = np.minimum(np.ceil(quad.max(1) - 0.5).astype(int), [out.shape[1], out.shape[0]])
        if (first >= last).any():
            return
        (left, top), (right, bottom) = first.tolist(), last.tolist()
        scale = np.linalg.norm(matrix[:2, :2], 2) / corners[2].min()
        whole = (self.place[2] - self.place[0]) / self.sample.size[0]
        pixels = self.sample.pixels(min(1.0, scale * whole))
        inverse = np.linalg.inv(self._to_output(pixels, matrix, left, top))
        part = out[top:bottom, left:right]
        if is_upright(matrix):
            cv2.warpAffine(pixels, inverse[:2], part.shape[1::-1], part, FLAGS, cv2.BORDER_REPLICATE)
            return
        warped = cv2.warpPerspective(pixels, inverse, part.shape[1::-1], None, FLAGS, cv2.BORDER_REPLICATE)
        inside = pixels_inside(quad - first[:, None], part.shape[:2])
        cv2.copyTo(warped, inside, part)

    def _to_output(self, pixels: np.ndarray, matrix: np.ndarray, left: int, top: int) -> np.ndarray:
        """The matrix from positions in the image's array to positions in a part of the output, both of centres."""
        x1, y1, x2, y2 = self.place
        height, width = pixels.shape[:2]
        to_canvas = np.array([[(x2 - x1) / width, 0, x1], [0, (y2 - y1) / height, y1], [0, 0, 1]])
        return shift(-left - 0.5, -top - 0.5) @ matrix @ to_canvas @ shift(0.5, 0.5)


FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


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
    for tile in tiles:
        tile.draw(out, matrix)
    return out, Objects.concat([tile.objects(matrix, size, boxes) for tile in tiles])


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
