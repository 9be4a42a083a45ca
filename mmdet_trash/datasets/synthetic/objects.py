"""The ten classes, each drawn upright by one function with random colours, proportions and details."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from mmdet_trash.datasets.synthetic.containers import draw_battery, draw_glass, draw_metal, draw_plastic
from mmdet_trash.datasets.synthetic.paint import (
    INK,
    WHITE,
    Canvas,
    blob,
    blur,
    box,
    dim,
    hsv,
    inflate,
    mirror,
    noise,
    relief,
    smooth,
)


def draw_object(label: int, rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """One object of a class as a (size, size, 4) uint8 BGRA patch; alpha is over 127 inside its outline, else less."""
    canvas = Canvas(size)
    _DRAWERS[label](canvas, rng)
    return canvas.patch()


def _general_trash(canvas: Canvas, rng: np.random.Generator) -> None:
    # Bits stick out from under the heap, then scraps lie on it.
    for angle in rng.uniform(0, 2 * np.pi, rng.integers(6, 10)):
        along = np.array((np.cos(angle), np.sin(angle)))
        broad = np.array((-along[1], along[0])) * rng.uniform(0.012, 0.06)
        tip = 0.5 + along * rng.uniform(0.38, 0.46)
        colour = hsv(rng.uniform(0, 1), rng.uniform(0.1, 0.6), rng.uniform(0.4, 0.85))
        canvas.paint(canvas.polygon((0.5 + broad, tip + broad, tip + 0.04 * along - broad, 0.5 - broad)), colour)
    heap = canvas.polygon(blob(rng, (0.5, 0.5), (0.37, rng.uniform(0.28, 0.36)), 0.25))
    mottle = noise(rng, canvas.size, 0.12, 4)
    hue = rng.uniform(0.05, 0.13)
    dark, light = np.array(hsv(hue, 0.45, 0.16)), np.array(hsv(hue, 0.4, 0.5))
    mix = np.clip(0.45 + 0.35 * mottle, 0, 1)[..., None]
    canvas.paint(heap, dark + mix * (light - dark))
    for _ in range(rng.integers(9, 15)):
        centre = 0.5 + rng.uniform(-0.27, 0.27, 2)
        corners = blob(rng, centre, rng.uniform(0.03, 0.1, 2), 0.5)[::8]
        canvas.tint(canvas.polygon(corners + 0.012), (0, 0, 0), 0.5)
        scrap = hsv(rng.uniform(0, 1), rng.uniform(0.1, 0.7), rng.uniform(0.3, 0.85))
        canvas.tint(canvas.polygon(corners), scrap)
    canvas.shade(relief(inflate(heap) * 0.25 + 0.015 * mottle, 0.8))


def _paper(canvas: Canvas, rng: np.random.Generator) -> None:
    half_width = rng.uniform(0.31, 0.42)
    left, right = 0.5 - half_width, 0.5 + half_width
    outline = box(left, 0.04, right, 0.96) + rng.uniform(-0.03, 0.03, (4, 2))
    if rng.random() < 0.5:  # a torn corner
        tear = outline[0] + np.array([(0.0, 0.15), (0.07, 0.09), (0.16, 0.01)])
        outline = np.concatenate([tear, outline[1:]])
    sheet = hsv(0.12, rng.choice([0.02, 0.05, 0.14]), rng.uniform(0.88, 0.97))
    canvas.paint(canvas.polygon(outline), sheet)
    if rng.random() < 0.5:
        picture = hsv(rng.uniform(0, 1), 0.45, 0.65)
        canvas.tint(canvas.polygon(box(left + 0.08, 0.14, left + 0.08 + half_width * 0.8, 0.36)), picture)
        top = 0.4
    else:
        canvas.tint(canvas.polygon(box(left + 0.08, 0.12, right - rng.uniform(0.1, 0.3), 0.16)), INK, 0.8)
        top = 0.18
    canvas.text(rng, (left + 0.08, top, right - 0.08, 0.9), round((0.9 - top) * 20), INK)
    canvas.crumple(rng, 0.018, 0.3)
    canvas.fold(rng, int(rng.integers(5, 9)), 0.09)


def _paper_pack(canvas: Canvas, rng: np.random.Generator) -> None:
    front, side = rng.uniform(0.36, 0.46), rng.uniform(0.14, 0.22)
    left = 0.5 - (front + side) / 2
    edge, right = left + front, left + front + side
    rise = 0.06  # how much the receding side climbs
    eaves, ridge, bottom = rng.uniform(0.28, 0.34), 0.13, 0.96
    brand = hsv(rng.choice([0.0, 0.58, 0.36, 0.93, 0.08]), rng.uniform(0.65, 0.9), rng.uniform(0.6, 0.85))
    face = canvas.polygon([(left, eaves), (edge, eaves), (edge, bottom), (left, bottom)])
    flank = canvas.polygon([(edge, eaves), (right, eaves - rise), (right, bottom - rise), (edge, bottom)])
    peak_left, peak_right = (left + side * 0.4, ridge), (edge + side * 0.45, ridge - 0.01)
    roof = canvas.polygon([(left, eaves), peak_left, peak_right, (edge, eaves)])
    gable = canvas.polygon([(edge, eaves), peak_right, (right, eaves - rise)])
    fin = canvas.polygon([peak_left, (peak_left[0], 0.03), (peak_right[0], 0.02), peak_right])
    for mask in (flank, gable, face, roof, fin):
        canvas.paint(mask, WHITE)
    wave = 0.025 * np.sin((canvas.x - left) * rng.uniform(14, 22) + rng.uniform(0, 6))
    body = np.maximum(face, flank)
    level = rng.uniform(0.62, 0.74)
    canvas.tint(body * canvas.step(canvas.y + wave, level, 2), brand)
    canvas.tint(body * canvas.step(canvas.y + wave, level - 0.03, level - 0.015), brand)
    canvas.tint(np.maximum(roof, gable), brand, 0.9)
    centre = left + front / 2
    badge = canvas.ellipse((centre, eaves + 0.15), (front * 0.28, front * 0.22))
    canvas.tint(badge, hsv(rng.uniform(0, 1), 0.6, 0.9))
    canvas.tint(canvas.stroke(((centre - 0.07, eaves + 0.15), (centre + 0.07, eaves + 0.15)), width=0.03), WHITE)
    canvas.text(rng, (left + 0.05, level + 0.06, edge - 0.05, bottom - 0.04), 4, WHITE)
    canvas.shade(1 - 0.33 * np.maximum(flank, gable) - 0.14 * roof + 0.08 * (0.5 - canvas.y))
    canvas.tint(canvas.stroke((peak_left, peak_right), width=0.008), (0, 0, 0), 0.35)
    canvas.tint(canvas.stroke(((left, eaves), (edge, eaves), (edge, bottom)), width=0.006), (0, 0, 0), 0.25)
    canvas.crumple(rng, 0.008)
    canvas.fold(rng, 2, 0.05)


def _styrofoam(canvas: Canvas, rng: np.random.Generator) -> None:
    high = rng.uniform(0.3, 0.42)
    corner = 0.1

    def plate(inset: float) -> np.ndarray:
        x, y, cut = 0.46 - inset, high - inset, max(corner - inset * 0.4, 0.03)
        half = [(x - cut, -y), (x, -y + cut), (x, y - cut), (x - cut, y)]
        return canvas.polygon(smooth(mirror([(0.5 + px, 0.5 + py) for px, py in half]), 3))

    tray, recess = plate(0), plate(rng.uniform(0.09, 0.13))
    if rng.random() < 0.4:  # a divider
        recess = recess * (1 - canvas.step(np.broadcast_to(canvas.x, recess.shape), 0.58, 0.64))
    canvas.paint(tray, hsv(0.13, 0.02, 0.93))
    height = 0.05 * blur(tray, 0.018) - 0.075 * blur(recess, 0.02)
    canvas.shade(relief(height, 1.1))
    canvas.shade(1 - 0.13 * blur(recess, 0.015))
    canvas.shade(_beads(canvas, rng, 0.028))
    bites = rng.integers(0, 3)
    for _ in range(bites):
        x, y = rng.choice([0.04, 0.96]), 0.5 + rng.uniform(-0.8, 0.8) * high
        bite = canvas.polygon(blob(rng, (x, y), (0.05, 0.05), 0.35))
        canvas.shade(1 - 0.3 * blur(bite, 0.015))
        canvas.pixels *= 1 - bite[..., None]


def _beads(canvas: Canvas, rng: np.random.Generator, pitch: float) -> np.ndarray:
    """Brightness factor of beads pressed together, about `pitch` apart: bright in the middle, dark where they meet."""
    grid = np.stack(np.meshgrid(*[np.arange(0, 1, pitch)] * 2), 2).reshape(-1, 2)
    seeds = np.clip((grid + rng.uniform(0, pitch, grid.shape)) * canvas.size, 0, canvas.size - 1).astype(int)
    gaps = np.ones((canvas.size, canvas.size), np.uint8)
    gaps[seeds[:, 1], seeds[:, 0]] = 0
    distance = cv2.distanceTransform(gaps, cv2.DIST_L2, 3) / (pitch * canvas.size)
    return 1.03 - 0.16 * np.minimum(distance, 1.0) ** 2


def _plastic_bag(canvas: Canvas, rng: np.random.Generator) -> None:
    hue, saturation, value = [
        (0.55, 0.04, 0.95),
        (0.58, 0.7, 0.8),
        (0.93, 0.45, 0.92),
        (0.14, 0.65, 0.93),
        (0.4, 0.6, 0.7),
    ][rng.integers(5)]
    colour = hsv(hue, saturation, value)
    knotted = rng.random() < 0.4
    neck = rng.uniform(0.3, 0.36)
    wide = rng.uniform(0.36, 0.43)
    body = [(0.5 + (0.05 if knotted else 0.2), neck), (0.5 + wide * 0.8, neck + 0.14), (0.5 + wide, 0.7)]
    outline = mirror([*body, (0.5 + wide * 0.88, 0.93), (0.6, 0.97)])
    outline = smooth(outline + rng.uniform(-0.025, 0.025, outline.shape), 3)
    mask = canvas.polygon(outline)
    if knotted:
        for sign in (-1, 1):
            ear = [
                (0.5, neck + 0.05),
                (0.5 + sign * 0.05, neck - 0.08),
                (0.5 + sign * 0.2, 0.06),
                (0.5 + sign * 0.1, 0.05),
            ]
            mask = np.maximum(mask, canvas.polygon(smooth([*ear, (0.5, neck - 0.06)], 2)))
    else:
        for sign in (-1, 1):
            loop = [(0.04, neck + 0.1), (0.07, 0.07), (0.2, 0.07), (0.24, neck + 0.16)]
            path = smooth([(0.5 + sign * px, py) for px, py in loop], 3)
            mask = np.maximum(mask, canvas.stroke(path, width=0.055, closed=True))
    canvas.paint(mask, colour, rng.uniform(0.68, 0.92))
    if not knotted and rng.random() < 0.7:  # a shop's print
        print_colour = hsv(hue + 0.5, 0.75, 0.75)
        canvas.tint(canvas.ellipse((0.5, 0.68), (0.15, 0.1)), print_colour, 0.75)
        canvas.text(rng, (0.36, 0.79, 0.64, 0.9), 2, print_colour)
    # Wrinkles fan out from where the bag is gathered.
    angle = np.arctan2(canvas.x - 0.5, canvas.y - neck + 0.15)
    radius = np.hypot(canvas.x - 0.5, canvas.y - neck + 0.15)
    folds = sum(np.sin(angle * k + rng.uniform(0, 6) + 5 * radius * rng.uniform(-1, 1)) / k for k in (9, 15, 23))
    # The film lies in creases as sharp as the zeros of a noise field.
    creases = np.abs(noise(rng, canvas.size, 0.3, 2)) + 0.5 * np.abs(noise(rng, canvas.size, 0.15, 2))
    height = 0.13 * inflate(mask) + 0.05 * folds * np.exp(-((radius / 0.5) ** 2)) + 0.022 * creases
    light = relief(height.astype(np.float32), 0.8)
    canvas.shade(1 + 0.8 * (light - 1))
    canvas.tint(np.clip(light - 1.15, 0, 1), (1.0, 1.0, 1.0), 2.2)
    if knotted:
        canvas.tint(canvas.ellipse((0.5, neck), (0.06, 0.04)), dim(colour, 0.7))
        canvas.tint(canvas.ellipse((0.49, neck - 0.01), (0.04, 0.02)), colour)
    canvas.crumple(rng, 0.012)


def _clothing(canvas: Canvas, rng: np.random.Generator) -> None:
    shirt = rng.random() < 0.65
    if shirt:
        waist = rng.uniform(0.2, 0.26)
        half = [(0.57, 0.07), (0.67, 0.08), (0.96, 0.3), (0.86, 0.46), (0.5 + waist, 0.36), (0.52 + waist, 0.95)]
        colour = hsv(rng.uniform(0, 1), rng.uniform(0.45, 0.85), rng.uniform(0.45, 0.85))
    else:
        leg = rng.uniform(0.27, 0.33)
        half = [(0.66, 0.04), (0.5 + leg * 0.8, 0.3), (0.52 + leg, 0.95), (0.34 + leg, 0.97), (0.5, 0.4)]
        colour = hsv(rng.choice([0.6, 0.62, 0.1, 0.65]), rng.uniform(0.4, 0.65), rng.uniform(0.35, 0.6))
    outline = mirror(half)
    mask = canvas.polygon(smooth(outline + rng.uniform(-0.012, 0.012, outline.shape), 3, cut=0.12))
    canvas.paint(mask, colour)
    other = hsv(rng.uniform(0, 1), rng.uniform(0.05, 0.5), rng.uniform(0.8, 0.95))
    if shirt:
        style = rng.integers(3)
        if style == 0:
            stripes = np.sin(canvas.y * 2 * np.pi / rng.uniform(0.09, 0.14)) > rng.uniform(-0.2, 0.5)
            canvas.tint(np.broadcast_to(stripes, mask.shape).astype(np.float32), other)
        elif style == 1:
            canvas.tint(canvas.polygon(blob(rng, (0.5, 0.42), (0.11, 0.1), 0.25)), other)
        canvas.tint(canvas.ellipse((0.5, 0.07), (0.1, 0.09)), dim(colour, 0.6))
        canvas.tint(canvas.ellipse((0.5, 0.05), (0.085, 0.06)), dim(colour, 0.35))
        seams = [[(0.5 + sign * x, y) for x, y in ((0.18, 0.1), (0.21, 0.24), (0.22, 0.4))] for sign in (-1, 1)]
    else:
        canvas.tint(canvas.step(canvas.y, 0, 0.1), dim(colour, 0.75))
        seams = [[(0.5, 0.1), (0.5, 0.4)], [(0.36, 0.1), (0.3, 0.22)], [(0.64, 0.1), (0.7, 0.22)]]
    canvas.tint(canvas.stroke(*seams, width=0.008), (0, 0, 0), 0.45)
    folds = 0.05 * noise(rng, canvas.size, 0.28, 2, stretch=2) + 0.06 * inflate(mask)
    canvas.shade(relief(folds.astype(np.float32), 0.9))
    weave = np.sin(canvas.x * 500) * np.sin(canvas.y * 500)
    canvas.shade(1 + 0.04 * weave)
    canvas.crumple(rng, 0.014)


_DRAWERS: tuple[Callable[[Canvas, np.random.Generator], None], ...] = (
    _general_trash,
    _paper,
    _paper_pack,
    draw_metal,
    draw_glass,
    draw_plastic,
    _styrofoam,
    _plastic_bag,
    draw_battery,
    _clothing,
)
