from __future__ import annotations

from typing import Any

import numpy as np

from mmdet_trash.datasets.transforms.canvas import Sample, Tile
from mmdet_trash.datasets.transforms.image_cache import fitting_size
from mmdet_trash.datasets.transforms.perspective import RandomPerspective, centred
from mmdet_trash.errors import InputError
from mmdet_trash.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Mosaic(RandomPerspective):
    """Lay four images, or nine, side by side and see a part of them through a random perspective.

    ::

        +----------+-------+     Each is resized to fit `img_scale`; four meet at a random joint, nine lie around
        |      own | other |     the sample's own. The frame in the middle, of `img_scale`, is the output; with nine
        |   +------+----+  |     images it is twice as large and shrunk. What lies outside the canvas, `grid` times
        +---|---joint---|--+     `img_scale`, is cut off, and so are boxes at each border.
        |   |      |    |  |
        | ot+------+----+  |     Placement, cut and perspective are one matrix an image: each is warped once,
        |   her    | other |     into its region of the output, and only that region.
        +----------+-------+

    Not mixed, by `prob` or in a training's last epochs, it is `RandomPerspective`.

    Required and modified keys: see :class:`MixingTransform`.

    Args:
        img_scale: `(width, height)` of the output.
        grid: images in a row and in a column, 2 or 3.
        **kwargs: see :class:`RandomPerspective`.

    Raises:
        InputError: when an argument is out of range.
    """

    closes = True

    def __init__(self, img_scale: tuple[int, int], grid: int = 2, **kwargs: Any) -> None:
        if grid not in (2, 3):
            raise InputError(f"Mosaic: grid {grid} is neither 2 nor 3")
        self.grid = grid
        self.others = grid * grid - 1
        super().__init__(img_scale, **kwargs)

    def mix_img_transform(self, results: dict[str, Any], others: list[Sample]) -> dict[str, Any]:
        size = self.img_scale
        samples = [*others]
        samples.insert(0 if self.grid == 2 else 4, Sample(results, self.images))
        tiles = self._lay(samples, np.random.uniform(-0.5, 0.5, 2) * size)
        return self._rendered(results, tiles, self.draw_matrix(size), size)

    def alone(self, results: dict[str, Any]) -> dict[str, Any]:
        sample = Sample(results, self.images)
        matrix = self.draw_matrix(self.img_scale)
        matrix[:, :2] *= self.grid - 1  # one image fills the frame
        return self._rendered(results, [centred(sample, self.img_scale)], matrix, self.img_scale)

    def _lay(self, samples: list[Sample], joint: np.ndarray) -> list[Tile]:
        """Tiles of images in rows, from a point near the middle of the canvas, where the own one ends or lies."""
        grid, size = self.grid, np.array(self.img_scale)
        sides = np.array([fitting_size(sample.size, self.img_scale, enlarge=True) for sample in samples])
        if grid == 2:
            splits = np.round(joint)[None]
        else:
            first = np.round(joint - sides[4] / 2)
            splits = np.stack([first, first + sides[4]])
        borders = np.concatenate([-grid * size[None] / 2, splits, grid * size[None] / 2])
        tiles = []
        for i, sample in enumerate(samples):
            cell = np.array([i % grid, i // grid])
            start, end = borders[cell, [0, 1]], borders[cell + 1, [0, 1]]
            # Those before the splits end at them, those behind begin there, and what is between lies in the middle.
            middle = np.round((start + end - sides[i]) / 2)
            corner = np.where(cell == 0, end - sides[i], np.where(cell == grid - 1, start, middle))
            tiles.append(Tile(sample, (*corner, *(corner + sides[i])), (*start, *end)))
        return tiles
