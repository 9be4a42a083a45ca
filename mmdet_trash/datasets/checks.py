"""What is wrong with a dataset, and a copy of it with that repaired."""

from collections import Counter
from collections.abc import Iterator
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any

from mmdet_trash.annotations import Problem, find_contradictions, is_int, is_number, with_defaults
from mmdet_trash.datasets.images import find_image, inspect_images
from mmdet_trash.errors import InputError

MIN_SIDE = 1.0
"""Boxes narrower or lower than this many pixels are dropped, as MMDetection does."""
TOLERANCE = 1.0
"""Pixels that a box may reach over the border before that is called a problem: annotation tools round."""


class BoxState(Enum):
    """What becomes of an annotated box."""

    FINE = "fine"
    CLIPPED = "clipped to the image"
    TINY = "under a pixel dropped"
    OUTSIDE = "outside the image dropped"


def clip_box(box_xywh: list[float], width: int, height: int) -> tuple[list[float], BoxState]:
    """Clip an annotated box to its image.

    Args:
        box_xywh: x, y, width, height in pixels.
        width: of the image, in pixels.
        height: of the image, in pixels.

    Returns:
        The clipped box as xyxy, and what became of it; one that is `TINY` or `OUTSIDE` is of no use.
    """
    x, y, w, h = box_xywh
    x1, y1, x2, y2 = max(0.0, x), max(0.0, y), min(float(width), x + w), min(float(height), y + h)
    box = [x1, y1, x2, y2]
    if w < MIN_SIDE or h < MIN_SIDE:
        return box, BoxState.TINY
    if x2 - x1 < MIN_SIDE or y2 - y1 < MIN_SIDE:
        return box, BoxState.OUTSIDE
    over = max(-x, -y, x + w - width, y + h - height)
    return box, BoxState.CLIPPED if over > TOLERANCE else BoxState.FINE


def find_problems(coco: Any, ann_file: Path, root: Path | None = None) -> list[Problem]:
    """List everything wrong with an annotation file and, when a root is given, its images.

    Args:
        coco: the content of the annotation file.
        ann_file: its path.
        root: the dataset's folder, in which the images are looked for.

    Returns:
        Fatal problems first. If there are contradictions in the file, quirks and images are not looked at.
    """
    problems = list(find_contradictions(coco))
    if problems:
        return problems
    coco = with_defaults(coco)
    problems = [*find_quirks(coco)]
    if root is not None:
        problems += find_image_problems(coco["images"], ann_file, root)
    return sorted(problems, key=lambda problem: not problem.fatal)


def find_quirks(coco: dict[str, Any]) -> Iterator[Problem]:
    """What training copes with but a person should know: odd boxes, repeated boxes, images without any."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
    seen: dict[tuple[Any, ...], int] = {}
    for annotation in coco["annotations"]:
        where, bbox = f"annotation {annotation['id']}", annotation["bbox"]
        width, height = sizes[annotation["image_id"]]
        _, state = clip_box(bbox, width, height)
        if state is not BoxState.FINE:
            yield Problem(f"box {state.value}", where, f"bbox {bbox} in an image of {width}x{height}", fatal=False)
        if annotation.get("iscrowd"):
            yield Problem("crowd", where, "is a crowd: ignored in training, neither right nor wrong to find", False)
        key = (annotation["image_id"], annotation["category_id"], *bbox)
        first = seen.setdefault(key, annotation["id"])
        if first != annotation["id"]:
            yield Problem("repeated box", where, f"repeats annotation {first}: same image, class and bbox", False)


def find_image_problems(images: list[dict[str, Any]], ann_file: Path, root: Path) -> Iterator[Problem]:
    """Images that are missing, broken, or of another size than the annotation file says."""
    paths = [find_image(root, image["file_name"], str(ann_file)) for image in images]
    for image, path, state in zip(images, paths, inspect_images(paths), strict=True):
        where, stated = f"image {image['id']}", (image["width"], image["height"])
        if state.broken == "no such file":
            yield Problem("missing image", where, f"{path}: no such file")
        elif state.broken is not None:
            yield Problem("broken image", where, f"{path}: {state.broken}", fatal=False)
        elif state.size != stated:
            real = "x".join(map(str, state.size or ()))
            yield Problem("image size", where, f"{path}: is {real}, the annotations say {stated[0]}x{stated[1]}")


def repair(coco: Any, ann_file: Path, root: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Mend what can be mended without guessing, and drop the rest.

    Boxes written as text become numbers, boxes are clipped, annotations without an id of their own get one, image
    sizes are taken from the files. Dropped are boxes that are no boxes, refer to nothing, repeat another or lie
    outside, and images and categories that are listed twice or lack their id or name, and images that are missing or
    broken, with their boxes. Ids that are fine stay as they are.

    Args:
        coco: the content of the annotation file.
        ann_file: its path.
        root: the dataset's folder, in which the images are looked for.

    Returns:
        The repaired content, in which `find_problems` finds nothing fatal, and how often each thing was done.

    Raises:
        InputError: when it is no COCO file or none of its categories is usable.
    """
    problem = next(find_contradictions(coco), None)
    if problem is not None and problem.kind == "layout":
        raise InputError(f"{ann_file}: cannot be repaired: {problem}")
    coco = with_defaults(coco)
    done: Counter[str] = Counter()
    images = _repair_images(_distinct(coco["images"], "file_name", "images", done), ann_file, root, done)
    categories = _distinct(coco["categories"], "name", "categories", done)
    if not categories:
        raise InputError(f"{ann_file}: cannot be repaired: no category has an id and a name")
    annotations = _repair_annotations(coco["annotations"], images, categories, done)
    return {**coco, "images": images, "annotations": annotations, "categories": categories}, dict(done)


def _distinct(entries: list[dict[str, Any]], name_key: str, what: str, done: Counter[str]) -> list[dict[str, Any]]:
    """The entries that have an id and a name, each of its own."""
    kept, ids, names = [], set(), set()
    for entry in entries:
        entry_id, name = entry.get("id"), entry.get(name_key)
        if not is_int(entry_id) or not isinstance(name, str) or not name:
            done[f"{what} without id or name dropped"] += 1
        elif entry_id in ids or name in names:
            done[f"{what} listed twice dropped"] += 1
        else:
            kept.append(entry)
            ids.add(entry_id)
            names.add(name)
    return kept


def _repair_images(
    images: list[dict[str, Any]], ann_file: Path, root: Path, done: Counter[str]
) -> list[dict[str, Any]]:
    kept = []
    states = inspect_images(find_image(root, image["file_name"], str(ann_file)) for image in images)
    for image, state in zip(images, states, strict=True):
        if state.size is None:
            done["missing or broken images dropped"] += 1
            continue
        width, height = state.size
        if (image.get("width"), image.get("height")) != state.size:
            done["image sizes taken from the files"] += 1
        kept.append({**image, "width": width, "height": height})
    return kept


def _repair_annotations(
    annotations: list[dict[str, Any]],
    images: list[dict[str, Any]],
    categories: list[dict[str, Any]],
    done: Counter[str],
) -> list[dict[str, Any]]:
    sizes = {image["id"]: (image["width"], image["height"]) for image in images}
    category_ids = {category["id"] for category in categories}
    stated = {annotation.get("id") for annotation in annotations if is_int(annotation.get("id"))}
    fresh = (new_id for new_id in count(1) if new_id not in stated)
    kept, used, seen = [], set(), set()
    for annotation in annotations:
        image_id, category_id = annotation.get("image_id"), annotation.get("category_id")
        if not (is_int(image_id) and is_int(category_id) and image_id in sizes and category_id in category_ids):
            done["boxes of unknown or dropped images or classes dropped"] += 1
            continue
        bbox = _as_numbers(annotation.get("bbox"))
        if bbox is None:
            done["boxes that are no four numbers dropped"] += 1
            continue
        if annotation.get("iscrowd", 0) not in (0, 1):
            done["boxes whose iscrowd is neither 0 nor 1 dropped"] += 1
            continue
        if bbox != annotation["bbox"]:
            done["boxes written as text made numbers"] += 1
        (x1, y1, x2, y2), state = clip_box(bbox, *sizes[image_id])
        if state in (BoxState.TINY, BoxState.OUTSIDE):
            done[f"boxes {state.value}"] += 1
            continue
        if state is BoxState.CLIPPED:
            done["boxes clipped to the image"] += 1
            bbox = [x1, y1, x2 - x1, y2 - y1]
        key = (image_id, category_id, *bbox)
        if key in seen:
            done["repeated boxes dropped"] += 1
            continue
        seen.add(key)
        new_id = annotation.get("id")
        if not is_int(new_id) or new_id in used:
            done["annotation ids renumbered"] += 1
            new_id = next(fresh)
        used.add(new_id)
        kept.append({**annotation, "id": new_id, "bbox": bbox})
        if bbox != annotation["bbox"] or not is_number(annotation.get("area", 0)):
            kept[-1]["area"] = bbox[2] * bbox[3]
    return kept


def _as_numbers(bbox: Any) -> list[float] | None:
    """Four finite numbers, also from text; None for anything else."""
    if not isinstance(bbox, list) or len(bbox) != 4 or any(isinstance(value, bool) for value in bbox):
        return None
    try:
        numbers = [value if isinstance(value, (int, float)) else float(value) for value in bbox]
    except (TypeError, ValueError):
        return None
    return numbers if all(map(is_number, numbers)) else None
