"""Scenes of drawn objects with boxes and polygons of what is visible of them, and a dataset of such scenes on disk."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmdet_trash.classes import CLASSES
from mmdet_trash.datasets.synthetic.backgrounds import draw_background
from mmdet_trash.datasets.synthetic.objects import draw_object
from mmdet_trash.datasets.synthetic.paint import blur, noise
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write

MAX_OBJECTS = 20
MIN_SIZE = 64
BACKGROUND = -1
"""Value of `Scene.instance_map` where no object is seen."""

_RELATIVE_SIZES = (1.05, 1.0, 1.0, 0.9, 1.15, 1.05, 1.0, 1.1, 0.7, 1.2)
_MIN_VISIBLE = 0.45
_MIN_INSIDE = 0.8
_TRIES = 12
_JPEG_QUALITY = 92

_Truth = tuple[list[list[float]], list[list[list[float]]], list[int]]
"""An image's boxes (x, y, width, height), polygons and labels."""


@dataclass(frozen=True)
class Scene:
    """A drawn image and its truth."""

    image: np.ndarray
    """(size, size, 3) uint8 BGR."""
    boxes: np.ndarray
    """(N, 4) float64: left, top, right and bottom of each object's visible pixels; the last two are exclusive."""
    polygons: list[list[list[float]]]
    """For each of the N objects, the outline of each visible part: x and y in turn, in pixels, inside its box."""
    labels: np.ndarray
    """(N,) int64 positions in `CLASSES`."""
    instance_map: np.ndarray
    """(size, size) int16: the object seen at each pixel (its row in `boxes`), or `BACKGROUND`."""


@dataclass(frozen=True)
class _Layer:
    """An object ready to be laid on a scene: premultiplied BGRA and its shadow, both float32 of the same extent."""

    pixels: np.ndarray
    shadow: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        return self.pixels[..., 3] > 0.5


def render_scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw 1 to 20 objects on a cluttered ground, `size` pixels a side; later objects hide parts of earlier ones."""
    image = draw_background(rng, size)
    instance_map = np.full((size, size), BACKGROUND, np.int16)
    wanted = min(MAX_OBJECTS, 1 + int(rng.exponential(4.6)))
    areas: list[int] = []
    labels: list[int] = []
    for _ in range(wanted):
        label = int(rng.integers(len(CLASSES)))
        length = rng.uniform(0.55, 0.75) if wanted == 1 else np.clip(0.95 / np.sqrt(wanted + 1), 0.2, 0.42)
        length *= _RELATIVE_SIZES[label] * (1 if wanted == 1 else rng.uniform(0.75, 1.25))
        layer = _lay_out(draw_object(label, rng, max(16, round(length * size))), rng)
        corner = _find_place(layer.mask, instance_map, areas, rng, centred=wanted == 1)
        if corner is None:
            continue
        _composite(image, instance_map, layer, corner, len(labels))
        areas.append(int(layer.mask.sum()))
        labels.append(label)
    visible = [instance_map == instance for instance in range(len(labels))]
    boxes = np.array([_visible_box(mask) for mask in visible])
    polygons = [_visible_polygons(mask, box) for mask, box in zip(visible, boxes, strict=True)]
    return Scene(_photograph(image, rng), boxes, polygons, np.array(labels, np.int64), instance_map)


def _lay_out(patch: np.ndarray, rng: np.random.Generator) -> _Layer:
    """Turn a patch by any angle, seen a little askew, and cast its shadow to the scene's lower right."""
    side = patch.shape[0]
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    askew = (corners + rng.uniform(-0.04, 0.04, (4, 2))) @ turn * side
    margin = 0.12 * side  # room for the shadow
    origin = askew.min(0) - margin
    width, height = np.ceil(askew.max(0) + margin - origin).astype(int).tolist()
    source, target = (corners + 0.5) * side - 0.5, askew - origin - 0.5
    homography = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    # Premultiplied, or the edge would mix with the colour of what is transparent.
    premultiplied = patch.astype(np.float32) / 255
    premultiplied[..., :3] *= premultiplied[..., 3:]
    pixels = cv2.warpPerspective(premultiplied, homography, (width, height), flags=cv2.INTER_LINEAR)
    cast = np.array([(1, 0, 0.025 * side), (0, 1, 0.035 * side)])
    shadow = cv2.warpAffine(cv2.GaussianBlur(pixels[..., 3], (0, 0), 0.025 * side), cast, (width, height))
    contact = cv2.GaussianBlur(pixels[..., 3], (0, 0), max(0.008 * side, 0.5))
    return _Layer(pixels, np.maximum(0.5 * shadow, 0.35 * contact))


def _find_place(
    mask: np.ndarray, instance_map: np.ndarray, areas: list[int], rng: np.random.Generator, centred: bool
) -> np.ndarray | None:
    """Top-left corner (x, y), in pixels, for a mask such that it and all the objects under it stay visible enough."""
    size = instance_map.shape[0]
    extent = np.array(mask.shape[::-1])
    visible = np.bincount(instance_map[instance_map != BACKGROUND], minlength=len(areas))
    spread = (0.45, 0.55) if centred else (0.06, 0.94)
    for _ in range(_TRIES):
        corner = np.rint(rng.uniform(*spread, 2) * size - extent / 2).astype(int)
        target, source = _overlap(corner, mask.shape, size)
        inside = mask[source]
        if inside.sum() < _MIN_INSIDE * mask.sum():
            continue
        hidden = instance_map[target][inside]
        hidden = np.bincount(hidden[hidden != BACKGROUND], minlength=len(areas))
        if np.all(visible - hidden >= _MIN_VISIBLE * np.array(areas)):
            return corner
    return None


def _overlap(corner: np.ndarray, shape: tuple[int, ...], size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a layer of this shape lies in the scene, and which part of the layer that is."""
    left, top = corner.tolist()
    rows = slice(max(top, 0), min(top + shape[0], size))
    columns = slice(max(left, 0), min(left + shape[1], size))
    inner = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    return (rows, columns), inner


def _composite(image: np.ndarray, instance_map: np.ndarray, layer: _Layer, corner: np.ndarray, instance: int) -> None:
    """Lay an object over a float image and mark its pixels, both in place."""
    target, source = _overlap(corner, layer.shadow.shape, len(image))
    pixels = layer.pixels[source]
    image[target] *= (1 - pixels[..., 3:]) * (1 - layer.shadow[source][..., None])
    image[target] += pixels[..., :3]
    instance_map[target][layer.mask[source]] = instance


def _visible_box(visible: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _visible_polygons(visible: np.ndarray, box: np.ndarray) -> list[list[float]]:
    """Outlines of a (size, size) mask's parts, x and y in turn, to about a pixel and inside its box; holes filled."""
    left, top, right, bottom = box.astype(int)
    # Doubled, an outline runs a quarter of a pixel inside its pixels' edges, not through their middles.
    doubled = visible[top:bottom, left:right].repeat(2, 0).repeat(2, 1).astype(np.uint8)
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    simplified = [cv2.approxPolyDP(contour, 2, True) for contour in contours]
    outlines = [simple if len(simple) > 2 else contour for simple, contour in zip(simplified, contours, strict=True)]
    return [((outline.reshape(-1, 2) + 0.5) / 2 + (left, top)).ravel().tolist() for outline in outlines]


def _photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uneven and slightly coloured light, a lens' softness, a sensor's grain; float 0..1 to uint8."""
    size = image.shape[0]
    light = rng.uniform(0.85, 1.1) * (1 + 0.06 * noise(rng, size, 0.9, 1))
    warmth = rng.uniform(-0.05, 0.05)
    exposed = image * light[..., None] * np.array([1 - warmth, 1, 1 + warmth], np.float32)
    exposed = blur(exposed, 0.0008) + rng.normal(0, 0.012, (size, size, 1)).astype(np.float32)
    return np.rint(255 * np.clip(exposed, 0, 1)).astype(np.uint8)


def write_dataset(
    out: Path,
    images: int,
    test_images: int,
    size: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
    *,
    overwrite: bool = False,
    workers: int | None = None,
) -> None:
    """Write `out`/train.json, test.json (without annotations), test_truth.json and the images they name.

    An image depends on the seed, its split and its number alone, neither on how many there are nor on `workers` (the
    processes that draw, by default one a core). `progress` is called with the number of images written so far.
    """
    if images < 0 or test_images < 0:
        raise InputError(f"images and test images must be 0 or more, not {images} and {test_images}")
    if size < MIN_SIZE:
        raise InputError(f"size must be {MIN_SIZE} pixels or more, not {size}")
    if seed < 0:
        raise InputError(f"seed must be 0 or more, not {seed}")
    if (out / "train.json").exists() and not overwrite:
        raise InputError(f"{out}: already holds train.json; name another folder or ask to overwrite")
    # train.json marks a whole dataset: it goes first and comes last.
    for name in ("train.json", "test.json", "test_truth.json"):
        (out / name).unlink(missing_ok=True)
    for split in ("train", "test"):
        (out / split).mkdir(parents=True, exist_ok=True)
    jobs = [(out, "train", seed, index, size) for index in range(images)]
    jobs += [(out, "test", seed, index, size) for index in range(test_images)]
    scenes = []
    processes = max(1, min(workers or os.cpu_count() or 1, len(jobs)))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        for scene in pool.map(_write_image, jobs, chunksize=4):
            scenes.append(scene)
            if progress is not None:
                progress(len(scenes))
    test = _coco("test", scenes[images:], size)
    _write_json(out / "test_truth.json", test)
    _write_json(out / "test.json", {**test, "annotations": []})
    _write_json(out / "train.json", _coco("train", scenes[:images], size))


def _write_image(job: tuple[Path, str, int, int, int]) -> _Truth:
    """Draw and write one image; return its truth."""
    out, split, seed, index, size = job
    scene = render_scene(np.random.default_rng([seed, ("train", "test").index(split), index]), size)
    _, encoded = cv2.imencode(".jpg", scene.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    (out / split / f"{index:04d}.jpg").write_bytes(encoded.tobytes())
    boxes = np.concatenate([scene.boxes[:, :2], scene.boxes[:, 2:] - scene.boxes[:, :2]], 1)
    return boxes.tolist(), scene.polygons, scene.labels.tolist()


def _coco(split: str, scenes: list[_Truth], size: int) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image_id, (boxes, polygons, labels) in enumerate(scenes):
        for box, parts, label in zip(boxes, polygons, labels, strict=True):
            annotations.append(
                {
                    # From 1: COCO's evaluation takes a match with annotation 0 for none.
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": label,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "segmentation": parts,
                    "iscrowd": 0,
                }
            )
    return {
        "categories": [{"id": label, "name": name, "supercategory": name} for label, name in enumerate(CLASSES)],
        "images": [
            {"id": index, "width": size, "height": size, "file_name": f"{split}/{index:04d}.jpg"}
            for index in range(len(scenes))
        ],
        "annotations": annotations,
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as file:
        json.dump(content, file)
