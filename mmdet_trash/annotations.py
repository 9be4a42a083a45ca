"""COCO annotation files, checked once where they enter."""

import os
import reprlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmdet_trash.classes import CLASSES
from mmdet_trash.errors import InputError
from mmdet_trash.files import read_json


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a dataset.

    Attributes:
        kind: short name of what is wrong, the same for all of its kind.
        where: the image, category or annotation, by its id.
        what: what was found, and what would be right.
        fatal: whether training would be wrong with it; if not, loading copes and counts it.
    """

    kind: str
    where: str
    what: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def load_annotations(path: str | os.PathLike[str], classes: Sequence[str] = CLASSES) -> dict[str, Any]:
    """Read a COCO annotation file and check that nothing in it contradicts itself.

    Args:
        path: a JSON file with `images` and, if labelled, `annotations` and `categories`.
        classes: names that stand in, 0-indexed, for a file without `categories`.

    Returns:
        The file's content. `annotations` is there even for an unlabelled file; without `categories`
        there are those of `classes`.

    Raises:
        InputError: naming the file, the first thing wrong and how many more there are.
    """
    coco = read_json(path)
    problems = list(find_contradictions(coco))
    if problems:
        more = f" (and {len(problems) - 1} more; tools/check_data.py lists them)" if len(problems) > 1 else ""
        raise InputError(f"{path}: {problems[0]}{more}")
    return with_defaults(coco, classes)


def with_defaults(coco: dict[str, Any], classes: Sequence[str] = CLASSES) -> dict[str, Any]:
    """Fill in the parts a COCO file may leave out: `annotations` and `categories`."""
    default = [{"id": i, "name": name, "supercategory": name} for i, name in enumerate(classes)]
    return {**coco, "annotations": coco.get("annotations") or [], "categories": coco.get("categories") or default}


def class_names(coco: dict[str, Any]) -> tuple[str, ...]:
    """Class names in the order of their category ids: a class's position is its label."""
    return tuple(category["name"] for category in sorted(coco["categories"], key=lambda c: c["id"]))


def find_contradictions(coco: Any) -> Iterator[Problem]:
    """What makes COCO unusable: missing parts, repeated ids, dangling references, boxes and masks that are none."""
    if not isinstance(coco, dict) or not isinstance(coco.get("images"), list):
        yield Problem("layout", "the file", 'is not COCO: an object with a list "images" is expected')
        return
    for part in ("annotations", "categories"):
        if not isinstance(coco.get(part) or [], list):
            yield Problem("layout", part, "is not a list")
            return
    for part in ("images", "annotations", "categories"):
        for position, entry in enumerate(coco.get(part) or []):
            if not isinstance(entry, dict):
                yield Problem("layout", f"{part}[{position}]", f"is {entry!r}, an object is expected")
                return
    coco = with_defaults(coco)
    yield from _check_ids(coco["images"], "image")
    yield from _check_ids(coco["categories"], "category")
    yield from _check_ids(coco["annotations"], "annotation")
    yield from _check_names(coco["images"], "image", "file_name")
    yield from _check_sizes(coco["images"])
    yield from _check_names(coco["categories"], "category", "name")
    yield from _check_annotations(coco)


def _check_ids(entries: list[dict[str, Any]], kind: str) -> Iterator[Problem]:
    seen = set()
    for position, entry in enumerate(entries):
        entry_id = entry.get("id")
        if not is_int(entry_id):
            yield Problem(f"{kind} id", f"{kind} at position {position}", f"has id {entry_id!r}, an integer is right")
        elif entry_id in seen:
            yield Problem(f"duplicate {kind} id", f"{kind} {entry_id}", "this id stands more than once")
        else:
            seen.add(entry_id)


def _check_names(entries: list[dict[str, Any]], kind: str, key: str) -> Iterator[Problem]:
    seen = set()
    for entry in entries:
        where, name = f"{kind} {entry.get('id')}", entry.get(key)
        if not isinstance(name, str) or not name:
            yield Problem(f"{kind} name", where, f"has {key} {name!r}, text is right")
        elif name in seen:
            yield Problem(f"duplicate {kind} name", where, f"{key} {name!r} stands more than once")
        else:
            seen.add(name)


def _check_sizes(images: list[dict[str, Any]]) -> Iterator[Problem]:
    for image in images:
        for side in ("width", "height"):
            if not is_int(image.get(side)) or image[side] <= 0:
                what = f"has {side} {image.get(side)!r}, a positive integer is right"
                yield Problem("image size", f"image {image.get('id')}", what)


def _check_annotations(coco: dict[str, Any]) -> Iterator[Problem]:
    images = [image for image in coco["images"] if is_int(image.get("id"))]
    sizes = {image["id"]: (image.get("width"), image.get("height")) for image in images}
    category_ids = {category["id"] for category in coco["categories"] if is_int(category.get("id"))}
    for annotation in coco["annotations"]:
        where = f"annotation {annotation.get('id')}"
        if not is_int(annotation.get("image_id")) or annotation["image_id"] not in sizes:
            what = f"image_id {annotation.get('image_id')!r} is no image of this file"
            yield Problem("unknown image", where, what)
        elif fault := segmentation_fault(annotation.get("segmentation"), *sizes[annotation["image_id"]]):
            yield Problem("segmentation", where, fault)
        if not is_int(annotation.get("category_id")) or annotation["category_id"] not in category_ids:
            what = f"category_id {annotation.get('category_id')!r} is no category of this file"
            yield Problem("unknown category", where, f"{what}: {_shown(category_ids)}")
        bbox = annotation.get("bbox")
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(is_number(value) for value in bbox):
            yield Problem("box", where, f"has bbox {bbox!r}, [x, y, width, height] as four finite numbers is right")
        if not is_number(annotation.get("area", 0)):
            yield Problem("area", where, f"has area {annotation['area']!r}, a finite number or none is right")
        if annotation.get("iscrowd", 0) not in (0, 1):
            yield Problem("crowd flag", where, f"has iscrowd {annotation['iscrowd']!r}, 0 or 1 is right")


def segmentation_fault(segmentation: Any, width: Any, height: Any) -> str | None:
    """What is wrong with an annotation's mask.

    Args:
        segmentation: a list of polygons, each a flat list of x and y in turn in pixels, or an RLE with `size` and
            `counts`; empty or None for no mask.
        width: of the image, in pixels.
        height: of the image, in pixels.

    Returns:
        What was found and what would be right, or None if nothing is wrong.
    """
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        return _rle_fault(segmentation, width, height)
    if not isinstance(segmentation, list):
        return f"has segmentation {reprlib.repr(segmentation)}, a list of polygons or an RLE is right"
    for number, polygon in enumerate(segmentation):
        if not isinstance(polygon, list):
            found = reprlib.repr(polygon)
        elif len(polygon) < 6 or len(polygon) % 2:
            found = f"{len(polygon)} numbers"
        elif not all(map(is_number, polygon)):
            found = next(reprlib.repr(value) for value in polygon if not is_number(value))
        else:
            continue
        return f"has {found} for polygon {number} of its segmentation, [x, y, x, y, x, y, …] as finite numbers is right"
    return None


def _rle_fault(rle: dict[str, Any], width: Any, height: Any) -> str | None:
    size, counts = rle.get("size"), rle.get("counts")
    sized = size == [height, width] and is_int(height) and is_int(width)
    pixels = sum(counts) if isinstance(counts, list) and all(is_int(run) and run >= 0 for run in counts) else None
    if sized and (pixels == height * width or (isinstance(counts, str) and counts)):
        return None
    found = f"size {reprlib.repr(size)} and counts {reprlib.repr(counts)} in its segmentation"
    return f"has {found}, [{height}, {width}] and text or runs of so many pixels are right"


def _shown(ids: set[int], most: int = 12) -> str:
    return ", ".join(map(str, sorted(ids)[:most])) + (", …" if len(ids) > most else "")


def is_int(value: Any) -> bool:
    """Whether a JSON value is an integer that a column can hold: 64 bits, and not true or false."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number; Python's JSON also reads NaN, Infinity and integers beyond a float."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
