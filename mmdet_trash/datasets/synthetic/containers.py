"""The classes with a turned body: cans, bottles, cups and batteries, drawn upright."""

from __future__ import annotations

import numpy as np

from mmdet_trash.datasets.synthetic.paint import INK, WHITE, Canvas, Colour, Lathe, box, bump, dim, hsv


def draw_metal(canvas: Canvas, rng: np.random.Generator) -> None:
    half, tilt = rng.uniform(0.24, 0.31), 0.055
    can = canvas.lathe([(0.075, 0.84 * half), (0.14, half), (0.84, half), (0.9, 0.8 * half)], tilt)
    silver = (0.8, 0.79, 0.78)
    canvas.paint(can.mask, silver)
    hue = rng.choice([0.0, 0.6, 0.35, 0.12, 0.8]) + rng.uniform(-0.03, 0.03)
    brand = hsv(hue, rng.uniform(0.75, 0.95), rng.uniform(0.6, 0.9))
    if rng.random() < 0.85:
        canvas.tint(canvas.step(can.down, 0.15, 0.82), brand)
        slant = can.down + rng.uniform(-0.12, 0.12) * can.across
        canvas.tint(canvas.step(slant, 0.34, 0.4), WHITE)
        canvas.tint(canvas.step(slant, 0.42, 0.44), silver)
        logo = (can.across / rng.uniform(0.5, 0.8)) ** 2 + ((can.down - 0.58) / 0.11) ** 2
        canvas.tint((logo < 1).astype(np.float32), rng.choice([WHITE, hsv(hue + 0.5, 0.7, 0.9)]))
    for ring in (0.14, 0.835):
        canvas.tint(bump(can.down, ring, 0.008), (0.2, 0.2, 0.2), 0.5)
    # Metal mirrors its surroundings: several hard streaks, not one soft light.
    u = can.across
    streaks = (
        0.5 * bump(u, -0.45, 0.13) + 0.35 * bump(u, 0.3, 0.07) - 0.4 * bump(u, 0.05, 0.2) - 0.25 * bump(u, -0.8, 0.1)
    )
    canvas.shade(0.35 + 0.75 * np.sqrt(np.clip(1 - u**2, 0, 1)) + streaks)
    canvas.tint(bump(u, -0.45, 0.07) * can.mask, WHITE, 0.55)
    lid = canvas.ellipse((0.5, 0.078), (0.84 * half, tilt))
    canvas.paint(lid, (0.88, 0.87, 0.86))
    canvas.tint(canvas.ellipse((0.5, 0.082), (0.74 * half, tilt * 0.8)), (0.58, 0.57, 0.56))
    canvas.tint(canvas.ellipse((0.5 - 0.25 * half, 0.078), (0.2 * half, tilt * 0.3)), (0.1, 0.1, 0.1))
    canvas.tint(canvas.ellipse((0.5 + 0.12 * half, 0.085), (0.27 * half, tilt * 0.33)), (0.9, 0.9, 0.9))
    if rng.random() < 0.4:  # trodden on
        canvas.fold(rng, 3, 0.12)
        canvas.crumple(rng, 0.02, 0.3)


def _clear_body(canvas: Canvas, body: Lathe, colour: Colour, opacity: float) -> None:
    """Translucent turned wall: thicker, so darker and more opaque, towards the outline; a window's highlight."""
    edge = np.abs(body.across) ** 3
    canvas.paint(body.mask * (opacity + (0.95 - opacity) * edge), colour)
    canvas.shade(1.05 - 0.5 * edge + 0.12 * bump(body.across, 0.5, 0.25))


def _highlights(canvas: Canvas, body: Lathe, strength: float) -> None:
    streak = bump(body.across, -0.5, 0.12) + 0.5 * bump(body.across, 0.65, 0.06)
    canvas.tint(body.mask * np.clip(streak, 0, 1), (1.0, 1.0, 1.0), strength)


def draw_glass(canvas: Canvas, rng: np.random.Generator) -> None:
    half, neck = rng.uniform(0.14, 0.18), rng.uniform(0.045, 0.055)
    shoulder = rng.uniform(0.4, 0.5)
    profile = [(0.03, neck), (0.3, neck * 1.1), (shoulder, half), (0.94, half), (0.955, half * 0.92)]
    bottle = canvas.lathe(profile, 0.02)
    hue, saturation, value = [(0.36, 0.8, 0.42), (0.07, 0.85, 0.4), (0.27, 0.7, 0.5), (0.42, 0.2, 0.75)][
        rng.choice(4, p=[0.35, 0.35, 0.15, 0.15])
    ]
    _clear_body(canvas, bottle, hsv(hue + rng.uniform(-0.02, 0.02), saturation, value), 0.74)
    canvas.tint(canvas.step(bottle.down, 0.9, 1.0), (0.05, 0.08, 0.05), 0.35)
    if rng.random() < 0.7:
        paper = hsv(rng.choice([0.12, 0.0, 0.14]), rng.choice([0.12, 0.6]), 0.85)
        canvas.tint(canvas.step(bottle.down, shoulder + 0.1, 0.82), paper)
        canvas.tint(canvas.step(bottle.down, shoulder + 0.13, shoulder + 0.16), INK, 0.7)
        canvas.tint(canvas.ellipse((0.5, 0.73), (half * 0.45, 0.04)), hsv(rng.uniform(0, 1), 0.6, 0.5))
        canvas.shade(1 - 0.4 * np.abs(bottle.across) ** 3 * canvas.step(bottle.down, shoulder + 0.1, 0.82))
    if rng.random() < 0.5:
        canvas.paint(canvas.lathe([(0.02, neck * 1.25), (0.06, neck * 1.4)], 0.01).mask, (0.35, 0.6, 0.75))
    else:
        canvas.tint(canvas.step(bottle.down, 0.05, 0.07), (0.1, 0.12, 0.1), 0.5)
    _highlights(canvas, bottle, 0.8)


def draw_plastic(canvas: Canvas, rng: np.random.Generator) -> None:
    (_cup if rng.random() < 0.3 else _pet_bottle)(canvas, rng)


def _pet_bottle(canvas: Canvas, rng: np.random.Generator) -> None:
    half = rng.uniform(0.19, 0.24)
    body_colour = hsv(rng.uniform(0.52, 0.58), rng.uniform(0.12, 0.3), 0.93)
    profile = [(0.11, 0.07), (0.15, 0.075), (0.32, half), (0.52, half), (0.56, 0.88 * half), (0.6, half)]
    bottle = canvas.lathe([*profile, (0.9, half), (0.955, 0.82 * half)], 0.025)
    _clear_body(canvas, bottle, body_colour, 0.62)
    ribs = np.sin(bottle.down * 2 * np.pi / 0.055) * canvas.step(bottle.down, 0.62, 0.92)
    canvas.shade(1 + 0.16 * ribs)
    brand = hsv(rng.choice([0.0, 0.58, 0.33, 0.09, 0.75]), 0.8, 0.85)
    if rng.random() < 0.75:
        label = canvas.step(bottle.down, 0.35, 0.53)
        canvas.tint(label, brand, 0.92)
        canvas.tint(canvas.step(bottle.down + 0.05 * bottle.across, 0.41, 0.45), WHITE)
        canvas.shade(1 - 0.35 * np.abs(bottle.across) ** 3 * label)
    cap = canvas.lathe([(0.035, 0.078), (0.115, 0.082)], 0.012)
    canvas.paint(canvas.lathe([(0.1, 0.09), (0.13, 0.09)], 0.012).mask, body_colour)
    canvas.paint(cap.mask, brand)
    canvas.shade(1 - cap.mask * (0.45 * cap.across**2 + 0.12 * np.sin(cap.across * 25)))
    canvas.paint(canvas.ellipse((0.5, 0.035), (0.078, 0.013)), dim(brand, 1.15))
    _highlights(canvas, bottle, 0.75)
    if rng.random() < 0.3:  # squeezed
        canvas.crumple(rng, 0.016, 0.3)


def _cup(canvas: Canvas, rng: np.random.Generator) -> None:
    rim, base = rng.uniform(0.26, 0.3), rng.uniform(0.18, 0.21)
    straw = hsv(rng.choice([0.0, 0.35, 0.55, 0.9]), 0.75, 0.85)
    canvas.paint(canvas.stroke(((0.54, 0.3), (0.62, 0.03)), width=0.04), straw)
    cup = canvas.lathe([(0.27, rim), (0.92, base)], 0.05)
    _clear_body(canvas, cup, hsv(0.55, 0.13, 0.93), 0.62)
    canvas.tint(canvas.step(cup.down, rng.uniform(0.45, 0.65), 0.91), hsv(rng.choice([0.07, 0.1, 0.95]), 0.6, 0.6), 0.6)
    canvas.shade(1 - 0.3 * np.abs(cup.across) ** 4)
    dome = canvas.lathe([(0.14, 0.1), (0.17, 0.7 * rim), (0.24, 0.95 * rim), (0.28, rim)], 0.04)
    _clear_body(canvas, dome, hsv(0.55, 0.08, 0.97), 0.6)
    canvas.paint(canvas.lathe([(0.25, rim * 1.06), (0.285, rim * 1.06)], 0.05).mask, hsv(0.55, 0.1, 0.9))
    _highlights(canvas, cup, 0.7)
    _highlights(canvas, dome, 0.5)


def draw_battery(canvas: Canvas, rng: np.random.Generator) -> None:
    half = rng.uniform(0.15, 0.2)
    metal = [(0.35, 0.6, 0.85), (0.25, 0.5, 0.8), (0.3, 0.72, 0.9)][rng.integers(3)]
    steel = (0.82, 0.82, 0.82)
    canvas.paint(canvas.lathe([(0.03, 0.36 * half), (0.1, 0.36 * half)], 0.015).mask, steel)
    canvas.paint(canvas.ellipse((0.5, 0.032), (0.36 * half, 0.014)), (0.95, 0.95, 0.95))
    cell = canvas.lathe([(0.085, 0.94 * half), (0.1, half), (0.93, half), (0.945, 0.94 * half)], 0.025)
    top = rng.uniform(0.34, 0.42)
    canvas.paint(cell.mask, (0.1, 0.09, 0.09))
    canvas.tint(canvas.step(cell.down, 0, top), metal)
    canvas.tint(canvas.step(cell.down, top, top + 0.02), WHITE)
    canvas.tint(canvas.step(cell.down, 0.915, 1), steel)
    centre = (0.5, 0.24)
    for reach in ((0.05, 0), (0, 0.05)):
        plus = (np.subtract(centre, reach), np.add(centre, reach))
        canvas.tint(canvas.stroke(plus, width=0.022), INK)
    canvas.tint(
        canvas.polygon(box(0.5 - half * 0.35, 0.52, 0.5 + half * 0.25, 0.84)), hsv(rng.uniform(0, 1), 0.2, 0.85)
    )
    canvas.tint(canvas.stroke(((0.5, 0.87), (0.5 + 0.05, 0.87)), width=0.018), WHITE)
    shoulder = canvas.ellipse((0.5, 0.087), (0.94 * half, 0.025))
    nub = canvas.lathe([(0.03, 0.36 * half), (0.085, 0.36 * half)], 0.015).mask
    canvas.shade(0.5 + 0.65 * np.sqrt(np.clip(1 - cell.across**2, 0, 1)) + 0.5 * bump(cell.across, -0.4, 0.15))
    canvas.paint(shoulder * (1 - nub), dim(metal, 0.8))
    canvas.tint(cell.mask * bump(cell.across, -0.42, 0.13), (1.0, 1.0, 1.0), 0.4)
