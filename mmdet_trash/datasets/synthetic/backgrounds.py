"""Grounds the objects lie on, and the clutter between them that is no trash."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mmdet_trash.datasets.synthetic.paint import Canvas, Colour, blob, blur, hsv, noise, relief, smooth


def draw_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """A cluttered ground as (size, size, 3) float32 BGR in 0..1."""
    ground = _GROUNDS[rng.integers(len(_GROUNDS))](rng, size)
    canvas = Canvas(size)
    canvas.paint(np.ones((size, size), np.float32), ground)
    for _ in range(rng.integers(0, 4)):
        _CLUTTER[rng.integers(len(_CLUTTER))](canvas, rng)
    return np.clip(canvas.pixels[..., :3], 0, 1)


def _mix(dark: Colour, light: Colour, amount: np.ndarray) -> np.ndarray:
    """(size, size, 3) blend of two colours; `amount` of the light one is clipped to 0..1."""
    weight = np.clip(amount, 0, 1).astype(np.float32)
    return cv2.merge([low + (high - low) * weight for low, high in zip(dark, light, strict=True)])


def _asphalt(rng: np.random.Generator, size: int) -> np.ndarray:
    base = rng.uniform(0.32, 0.48)
    grain = 0.16 * noise(rng, size, 0.012, 2) + 0.06 * noise(rng, size, 0.4, 3)
    return _mix((0.0, 0.0, 0.0), (1.0, 0.98, 0.96), base + 0.35 * grain)


def _concrete(rng: np.random.Generator, size: int) -> np.ndarray:
    tone = rng.uniform(0.55, 0.68) + 0.05 * noise(rng, size, 0.5, 5) + 0.02 * noise(rng, size, 0.01, 1)
    return _mix((0.0, 0.0, 0.0), (0.96, 0.99, 1.0), tone)


def _soil(rng: np.random.Generator, size: int) -> np.ndarray:
    lumps = noise(rng, size, 0.08, 4)
    hue = rng.uniform(0.06, 0.09)
    colour = _mix(hsv(hue, 0.5, 0.3), hsv(hue + 0.02, 0.4, 0.55), 0.5 + 0.3 * lumps)
    return colour * relief(0.008 * lumps, 1.0)[..., None]


def _sand(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = _turned(rng, size)
    ripples = 0.004 * np.sin(40 * y + 1.2 * noise(rng, size, 0.4, 2)) + 0.012 * noise(rng, size, 0.25, 3)
    grain = noise(rng, size, 0.008, 1)
    colour = _mix(hsv(0.1, 0.4, 0.62), hsv(0.115, 0.32, 0.85), 0.5 + 0.15 * grain)
    return colour * relief((ripples + 0 * x).astype(np.float32), 0.8)[..., None]


def _grass(rng: np.random.Generator, size: int) -> np.ndarray:
    hue = rng.uniform(0.2, 0.28)
    patches = noise(rng, size, 0.3, 4)
    colour = _mix(hsv(hue, 0.6, 0.2), hsv(hue - 0.02, 0.5, 0.36), 0.5 + 0.3 * patches)
    blades = np.rint(colour * 255).clip(0, 255).astype(np.uint8)
    count = 2200
    roots = rng.uniform(0, size, (count, 2))
    reach = rng.normal(0, 1, (count, 2)) * (0.015, 0.02) * size - (0, 0.03 * size)
    tones = rng.uniform(0, 1, count)
    for start, end, tone in zip((roots * 16).astype(int), ((roots + reach) * 16).astype(int), tones, strict=True):
        green = [255 * channel for channel in hsv(hue + 0.04 * tone - 0.03, 0.6, 0.25 + 0.35 * tone)]
        cv2.line(blades, start.tolist(), end.tolist(), green, max(1, size // 300), cv2.LINE_AA, 4)
    return blades.astype(np.float32) / 255


def _wood(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = _turned(rng, size)
    rows = rng.uniform(4, 7)
    plank = np.floor(y * rows + 50).astype(int)
    shift, tone = rng.uniform(0, 20, 101)[plank], rng.uniform(-0.12, 0.12, 101)[plank]
    waves = noise(rng, size, 0.35, 2)
    grain = np.sin(70 * y + 2 * waves + shift + 1.5 * np.sin(3 * x + shift)) * 0.12 + 0.1 * noise(rng, size, 0.03, 2)
    hue = rng.uniform(0.06, 0.1)
    colour = _mix(hsv(hue, 0.55, 0.35), hsv(hue + 0.01, 0.5, 0.72), 0.5 + tone + grain)
    return colour * _joints(y * rows, 0.025)[..., None]


def _tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = _turned(rng, size)
    count = rng.uniform(3, 6)
    across, down = x * count * rng.choice([1.0, 0.5]) + 50, y * count + 50
    if rng.random() < 0.5:  # a brick's bond
        across = across + 0.5 * (np.floor(down) % 2)
    tone = rng.uniform(-0.2, 0.2, (101, 101))[np.floor(across).astype(int), np.floor(down).astype(int)]
    hue, saturation = rng.choice([0.03, 0.08, 0.55]), rng.uniform(0.05, 0.35)
    wear = 0.1 * noise(rng, size, 0.15, 5)
    colour = _mix(hsv(hue, saturation, 0.4), hsv(hue, saturation * 0.8, 0.78), 0.5 + tone + wear)
    joints = _joints(across, 0.03) * _joints(down, 0.03)
    return colour * joints[..., None]


def _turned(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x and y (size, size), in sides from the middle, of a ground laid at a random angle."""
    angle = rng.uniform(0, np.pi)
    steps = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    right, down = steps[None, :], steps[:, None]
    return np.cos(angle) * right + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * right


def _joints(field: np.ndarray, width: float) -> np.ndarray:
    """Brightness factor that darkens where a field crosses whole numbers."""
    distance = np.abs(field - np.rint(field))
    return (1 - 0.5 * np.exp(-((distance / width) ** 2))).astype(np.float32)


def _leaves(canvas: Canvas, rng: np.random.Generator) -> None:
    hue = rng.choice([0.06, 0.1, 0.14, 0.24])
    outlines, colours, veins = [], [], []
    for _ in range(rng.integers(2, 9)):
        length, slim = rng.uniform(0.02, 0.045), rng.uniform(0.35, 0.55)
        half = [(0.0, -1.0), (slim, -0.4), (slim * 0.9, 0.3), (0.0, 1.0)]
        outline = np.concatenate([half, [(-x, y) for x, y in half[-2:0:-1]]])
        angle = rng.uniform(0, 2 * np.pi)
        turn = length * np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
        at = rng.uniform(0, 1, 2)
        outlines.append(at + smooth(outline, 2) @ turn)
        colours.append(hsv(hue + rng.uniform(-0.03, 0.03), rng.uniform(0.5, 0.75), rng.uniform(0.35, 0.65)))
        veins.append(at + np.array([(0.0, -0.8), (0.0, 1.3)]) @ turn)
    _lay(canvas, outlines, colours)
    canvas.tint(canvas.stroke(*veins, width=0.003), hsv(hue, 0.6, 0.25), 0.8)


def _pebbles(canvas: Canvas, rng: np.random.Generator) -> None:
    count = rng.integers(4, 16)
    places, radii = rng.uniform(0, 1, (count, 2)), rng.uniform(0.006, 0.018, count)
    outlines = [blob(rng, at, (radius, radius * 0.8), 0.25) for at, radius in zip(places, radii, strict=True)]
    _lay(canvas, outlines, [(tone, tone, tone) for tone in rng.uniform(0.35, 0.7, count)])
    tops = [at + 0.5 * (outline - at) - (0.003, 0.004) for at, outline in zip(places, outlines, strict=True)]
    canvas.tint(canvas.polygon(*tops), (1.0, 1.0, 1.0), 0.2)


def _cracks(canvas: Canvas, rng: np.random.Generator) -> None:
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.45, 24))
    path = rng.uniform(0, 1, 2) + np.cumsum(0.035 * np.stack([np.cos(angles), np.sin(angles)], 1), 0)
    canvas.tint(canvas.stroke(path, width=0.0035), (0.05, 0.05, 0.05), 0.5)


def _stains(canvas: Canvas, rng: np.random.Generator) -> None:
    at, radii = rng.uniform(0, 1, 2), rng.uniform(0.06, 0.2, 2)
    stain = blur(canvas.polygon(blob(rng, at, radii, 0.35)), 0.01)
    canvas.shade(1 - rng.uniform(0.12, 0.35) * stain)


def _twigs(canvas: Canvas, rng: np.random.Generator) -> None:
    outlines = []
    for _ in range(rng.integers(2, 5)):
        angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1, 2)
        along = np.array((np.cos(angle), np.sin(angle))) * rng.uniform(0.03, 0.08)
        across = np.array((-along[1], along[0])) * 0.004 / np.hypot(*along)
        fork = 0.5 * along + across * rng.choice([-6, 6])
        outlines += [np.array([-along + across, along, -along - across]) + at]
        outlines += [np.array([across, fork, -across]) + at]
    _lay(canvas, outlines, [hsv(0.07, 0.5, rng.uniform(0.25, 0.4))] * len(outlines))


def _lay(canvas: Canvas, outlines: Sequence[np.ndarray], colours: Sequence[Colour]) -> None:
    """Paint small things, one colour each, with their shadows to the lower right."""
    canvas.tint(canvas.polygon(*[outline + 0.005 for outline in outlines]), (0.0, 0.0, 0.0), 0.4)
    colour = np.zeros((canvas.size, canvas.size, 3), np.float32)
    for outline, paint in zip(outlines, colours, strict=True):
        points = np.rint(outline * canvas.size).astype(np.int32)
        # One pixel wider than the outline, which the coverage below cuts out.
        cv2.polylines(colour, [points], True, paint, 3)
        cv2.fillPoly(colour, [points], paint)
    canvas.tint(canvas.polygon(*outlines), colour)


_GROUNDS: tuple[Callable[[np.random.Generator, int], np.ndarray], ...] = (
    _asphalt,
    _concrete,
    _soil,
    _sand,
    _grass,
    _wood,
    _tiles,
)
_CLUTTER: tuple[Callable[[Canvas, np.random.Generator], None], ...] = (_leaves, _pebbles, _cracks, _stains, _twigs)
