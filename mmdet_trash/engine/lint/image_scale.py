"""Sizes that images are brought to: shrunk without being asked, or of no size that was trained."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from mmdet_trash.engine.lint.finding import Finding, Steps, walk
from mmdet_trash.engine.lint.subject import Subject

MIXING = {"Mosaic", "CachedMosaic", "RandomPerspective"}
SIZED = {"Resize", "FixScaleResize", "RandomChoiceResize", "RandomResize", *MIXING}
"""Transforms that bring an image to a size which the config states."""
NEAR = 0.01
"""Differences of size that are rounding, as a share."""


class Sized(NamedTuple):
    """A transform that resizes.

    Attributes:
        path: where it stands in the config.
        key: the key of its sizes.
        sizes: (width, height) that it chooses from, or the ends of a range.
        keep_ratio: whether an image is only fitted into such a size.
    """

    path: Steps
    key: str
    sizes: list[tuple[int, int]]
    keep_ratio: bool


def check_image_scale(subject: Subject) -> Iterator[Finding]:
    """Sizes whose short side shrinks an image, in test or all in training, and test sizes that nothing trains."""
    train = list(_sized(subject.cfg.get("train_dataloader"), ("train_dataloader",)))
    low, high = _trained(subject, train)
    if train and all(_shrinks(size, each, subject.image_size) for each in train for size in each.sizes):
        yield _shrunk(subject, train[0])
        low, high = 0, math.inf  # what is tested is not compared with what is not meant
    tested = [each for name in ("val_dataloader", "test_dataloader") for each in _sized(subject.cfg.get(name), (name,))]
    shrunk = [each for each in tested if _shrinks(each.sizes[0], each, subject.image_size)]
    for each in shrunk:
        yield _shrunk(subject, each)
    for each in tested:
        size = _side(each.sizes[0], each, subject.image_size)
        if each not in shrunk and not low * (1 - NEAR) <= size <= high * (1 + NEAR):
            trained = f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
            what = f"images of {_by(subject.image_size)} are tested at {size:.0f} px, and trained at {trained}"
            yield subject.finding((*each.path, each.key), what, "a size of the training's is right")


def _shrunk(subject: Subject, each: Sized) -> Finding:
    side = max(_side(size, each, subject.image_size) for size in each.sizes)
    size = max(each.sizes, key=min)
    what = f"{_by(size)} shrinks images of {_by(subject.image_size)} to {side:.0f} px, by its short side"
    right = f"{_by((max(subject.image_size),) * 2)} keeps their size, {_by((side, side))} shrinks them and says so"
    return subject.finding((*each.path, each.key), what, right)


def _sized(node: Any, start: Steps) -> Iterator[Sized]:
    for path, step in walk(node, start):
        name = _name(step)
        key = next((key for key in ("scale", "scales", "img_scale") if _is_size(step.get(key))), None)
        if name not in SIZED or key is None:
            continue
        sizes = step[key] if isinstance(step[key][0], (tuple, list)) else [step[key]]
        if len(sizes) == 1 and _is_size(step.get("ratio_range")):
            sizes = [tuple(side * ratio for side in sizes[0]) for ratio in step["ratio_range"]]
        yield Sized(path, key, sizes, name in MIXING or bool(step.get("keep_ratio")))


def _name(step: dict) -> str:
    return str(step.get("type")).rpartition(".")[2]


def _is_size(value: Any) -> bool:
    """Whether a value is (width, height) or several of them."""
    if not isinstance(value, (tuple, list)) or not value:
        return False
    pairs = value if isinstance(value[0], (tuple, list)) else [value]
    return all(
        isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(side, (int, float)) for side in pair)
        for pair in pairs
    )


def _factor(size: tuple[int, int], fits: bool, image: tuple[int, int]) -> float:
    """By how much an image is enlarged; by the mean of both sides if its ratio is not kept."""
    if fits:
        return min(max(size) / max(image), min(size) / min(image))
    return (size[0] * size[1] / image[0] / image[1]) ** 0.5


def _side(size: tuple[int, int], each: Sized, image: tuple[int, int]) -> float:
    """The long side of an image once resized."""
    return _factor(size, each.keep_ratio, image) * max(image)


def _shrinks(size: tuple[int, int], each: Sized, image: tuple[int, int]) -> bool:
    """Whether the smaller of two different sides makes an image smaller than the larger side says."""
    side = _side(size, each, image)
    return each.keep_ratio and size[0] != size[1] and side < max(image) and side < max(size)


def _trained(subject: Subject, train: list[Sized]) -> tuple[float, float]:
    """The least and most that an image's long side is trained at; everything when that cannot be told."""
    sides = [_side(size, each, subject.image_size) for each in train for size in each.sizes]
    for _, step in walk(subject.at(("model", "data_preprocessor", "batch_augments"))):
        sides += [*step.get("random_size_range", [])]
    names = {_name(step) for _, step in walk(subject.cfg.get("train_dataloader"))} - SIZED
    if not sides or any(word in name for name in names for word in ("Resize", "Mosaic", "Affine", "Expand", "Crop")):
        return 0, math.inf
    return min(sides), max(sides)


def _by(size: tuple[float, float]) -> str:
    return f"{size[0]:.0f}x{size[1]:.0f}"
