"""Brushes shared by the drawn objects and backgrounds: noise, shading, smooth outlines and an anti-aliased canvas.

Lengths and positions are fractions of the picture's side (x right, y down), so that a drawing looks the same at every
size. Colours are BGR in 0..1. The light comes from the upper left.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike

Colour = tuple[float, float, float]
WHITE: Colour = (0.96, 0.97, 0.97)
INK: Colour = (0.22, 0.2, 0.2)
_SUBPIXEL_BITS = 4


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """BGR colour in 0..1 of a hue in turns (wrapping), a saturation and a value in 0..1."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    # Plain floats: NumPy's would widen the float32 pictures they are mixed into.
    return float(blue), float(green), float(red)


def dim(colour: Colour, factor: float) -> Colour:
    """The colour `factor` times as bright, at most white."""
    blue, green, red = (min(1.0, factor * channel) for channel in colour)
    return blue, green, red


def noise(rng: np.random.Generator, size: int, cell: float, octaves: int = 4, stretch: float = 1.0) -> np.ndarray:
    """(size, size) float32 smooth noise of zero mean and roughly unit deviation.

    `cell` is the coarsest bump's width as a fraction of the side, `stretch` how many times higher than wide it is.
    """
    field = np.zeros((size, size), np.float32)
    amplitude = 1.0
    for _ in range(octaves):
        if cell * size < 1:
            break
        shape = (int(np.ceil(1 / (cell * stretch))) + 2, int(np.ceil(1 / cell)) + 2)
        grid = rng.standard_normal(shape, dtype=np.float32)
        field += amplitude * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        cell, amplitude = cell / 2, amplitude / 2
    return field


def relief(height: np.ndarray, strength: float) -> np.ndarray:
    """Brightness factor (about 1) of a surface with this height map (in sides) under the light from the upper left."""
    side = height.shape[0]
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=side / 8) + cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=side / 8)
    return 1.0 + 0.45 * np.tanh(strength * slope)


def blur(field: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; `sigma` is a fraction of the side."""
    return cv2.GaussianBlur(field, (0, 0), max(sigma * field.shape[0], 0.3))


def inflate(mask: np.ndarray) -> np.ndarray:
    """Height map in 0..1 of a cushion with this outline."""
    distance = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    return blur(np.sqrt(1 - (1 - distance / max(float(distance.max()), 1.0)) ** 2), 0.02)


def smooth(points: ArrayLike, rounds: int = 2, cut: float = 0.25) -> np.ndarray:
    """Closed outline (N, 2) whose corners are cut `rounds` times, each taking `cut` of an edge's ends (Chaikin)."""
    outline = np.asarray(points, np.float64)
    for _ in range(rounds):
        following = np.roll(outline, -1, axis=0)
        outline = np.stack([outline + cut * (following - outline), following + cut * (outline - following)], 1).reshape(
            -1, 2
        )
    return outline


def mirror(half: ArrayLike) -> np.ndarray:
    """Outline (2N, 2) symmetrical about x = 0.5 from its right half, listed top to bottom."""
    right = np.asarray(half, np.float64)
    return np.concatenate([right, (right * (-1, 1) + (1, 0))[::-1]])


def blob(rng: np.random.Generator, centre: ArrayLike, radii: ArrayLike, roughness: float) -> np.ndarray:
    """Irregular round outline (48, 2); `roughness` is the relative deviation of its radius."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    spread = 1 + roughness * rng.uniform(-1, 1, (12, 1))
    return smooth(np.asarray(centre) + spread * np.stack([np.cos(angles), np.sin(angles)], 1) * np.asarray(radii))


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The four corners (4, 2) of a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def bump(field: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Gaussian bump of unit height where `field` is near `centre`."""
    return np.exp(-(((field - centre) / width) ** 2))


class Lathe(NamedTuple):
    """A turned body seen a little from above."""

    mask: np.ndarray
    """(size, size) coverage in 0..1."""
    across: np.ndarray
    """Position from the left outline (-1) to the right one (1)."""
    down: np.ndarray
    """Height along the axis, constant along the curved rings."""


class Canvas:
    """A square picture under paint: premultiplied BGRA float32 of `size` pixels a side."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pixels: np.ndarray = np.zeros((size, size, 4), np.float32)
        centres = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.x, self.y = centres[None, :], centres[:, None]

    def polygon(self, *outlines: ArrayLike) -> np.ndarray:
        """Coverage (size, size) in 0..1 of the union of closed outlines."""
        mask = np.zeros((self.size, self.size), np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [self._fixed(outline)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask.astype(np.float32) / 255

    def stroke(self, *paths: ArrayLike, width: float, closed: bool = False) -> np.ndarray:
        """Coverage (size, size) in 0..1 of lines through points; lines thinner than a pixel are drawn fainter."""
        mask = np.zeros((self.size, self.size), np.uint8)
        thickness = width * self.size
        shade = round(255 * min(1.0, thickness))
        lines = [self._fixed(path) for path in paths]
        cv2.polylines(mask, lines, closed, shade, max(1, round(thickness)), cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask.astype(np.float32) / 255

    def ellipse(self, centre: ArrayLike, radii: ArrayLike) -> np.ndarray:
        """Coverage (size, size) in 0..1 of an upright ellipse."""
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        return self.polygon(np.stack([np.cos(angles), np.sin(angles)], 1) * np.asarray(radii) + np.asarray(centre))

    def step(self, field: np.ndarray, low: float, high: float) -> np.ndarray:
        """Coverage, with one-pixel edges, of where a field in side units lies in [low, high]."""
        return np.clip((field - low) * self.size + 0.5, 0, 1) * np.clip((high - field) * self.size + 0.5, 0, 1)

    def lathe(self, profile: Sequence[tuple[float, float]], tilt: float, middle: float = 0.5) -> Lathe:
        """The body whose half-width at each height is given by `profile` (y, half-width), top to bottom.

        `tilt` is how far its rings sag in front, the look from above.
        """
        heights, halves = np.array(profile).T
        rows = np.linspace(heights[0], heights[-1], 200)
        outline = np.convolve(np.pad(np.interp(rows, heights, halves), 4, "edge"), np.full(9, 1 / 9), "valid")
        widest = float(halves.max())
        sag = tilt * np.sqrt(np.clip(1 - ((self.x - middle) / widest) ** 2, 0, 1))
        down = np.broadcast_to(self.y - sag, (self.size, self.size))
        half = np.interp(down, rows, outline).astype(np.float32)
        mask = np.clip((half - np.abs(self.x - middle)) * self.size + 0.5, 0, 1)
        mask = mask * self.step(down, heights[0], heights[-1])
        return Lathe(mask, np.clip((self.x - middle) / half, -1, 1), down)

    def paint(self, mask: np.ndarray, colour: Colour | np.ndarray, opacity: float = 1.0) -> None:
        """Lay a colour (one, or (size, size, 3)) over the picture, widening its coverage."""
        window, weight, colour = self._covered(mask, colour, opacity)
        window *= 1 - weight
        window[..., :3] += weight * colour
        window[..., 3:] += weight

    def tint(self, mask: np.ndarray, colour: Colour | np.ndarray, opacity: float = 1.0) -> None:
        """Like `paint`, within the coverage painted so far."""
        window, weight, colour = self._covered(mask, colour, opacity)
        window[..., :3] += weight * (window[..., 3:] * colour - window[..., :3])

    def shade(self, factor: np.ndarray) -> None:
        """Multiply the brightness by a (size, size) factor."""
        self.pixels[..., :3] *= factor[..., None].astype(np.float32)

    def text(self, rng: np.random.Generator, area: Sequence[float], rows: int, colour: Colour) -> None:
        """Rows of word-like strokes within (left, top, right, bottom)."""
        left, top, right, bottom = area
        words = []
        for y in np.linspace(top, bottom, rows + 2)[1:-1]:
            x = left
            end = right - (right - left) * rng.uniform(0, 0.35)
            while x < end:
                stop = min(x + (right - left) * rng.uniform(0.06, 0.22), end)
                words.append(((x, y), (stop, y)))
                x = stop + (right - left) * 0.04
        self.tint(self.stroke(*words, width=0.25 * (bottom - top) / (rows + 1)), colour, 0.8)

    def fold(self, rng: np.random.Generator, count: int, strength: float) -> None:
        """Shade the picture as if folded along `count` straight lines: flat facets that meet at sharp edges."""
        factor = np.full((self.size, self.size), 0.94, np.float32)
        for angle in rng.uniform(0, np.pi, count):
            distance = (self.x - 0.5) * np.cos(angle) + (self.y - 0.5) * np.sin(angle) - rng.uniform(-0.35, 0.35)
            side = rng.choice([-1.0, 1.0]) * strength * rng.uniform(0.5, 1.2)
            factor += side * np.tanh(distance / 0.008) * np.exp(-np.abs(distance) / 0.3)
        self.shade(factor)

    def crumple(self, rng: np.random.Generator, amount: float, cell: float = 0.35) -> None:
        """Push the paint about by a smooth random field of deviation `amount`."""
        push = amount * self.size
        grid = np.arange(self.size, dtype=np.float32)
        across = grid[None, :] + push * noise(rng, self.size, cell, 2)
        down = grid[:, None] + push * noise(rng, self.size, cell, 2)
        self.pixels = cv2.remap(self.pixels, across, down, cv2.INTER_LINEAR)

    def patch(self) -> np.ndarray:
        """(size, size, 4) uint8 BGRA, straight (not premultiplied) alpha."""
        alpha = self.pixels[..., 3:]
        colour = np.clip(self.pixels[..., :3] / np.maximum(alpha, 1e-3), 0, 1)
        return np.rint(255 * np.concatenate([colour, np.clip(alpha, 0, 1)], 2)).astype(np.uint8)

    def _covered(
        self, mask: np.ndarray, colour: Colour | np.ndarray, opacity: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The pixels (a view), weights and colours of the rectangle of rows and columns that a mask touches."""
        mask = np.broadcast_to(mask, (self.size, self.size))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            rows = columns = np.zeros(1, int)
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        paint = np.asarray(colour, np.float32)
        weight = (opacity * mask[part])[..., None].astype(np.float32)
        return self.pixels[part], weight, paint[part] if paint.ndim == 3 else paint

    def _fixed(self, points: ArrayLike) -> np.ndarray:
        # OpenCV counts from the first pixel's centre, hence the half.
        scaled = (np.asarray(points, np.float64) * self.size - 0.5) * (1 << _SUBPIXEL_BITS)
        return np.rint(scaled).astype(np.int32).reshape(-1, 1, 2)
