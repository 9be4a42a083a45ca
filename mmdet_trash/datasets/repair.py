"""A copy of an annotation file with what is wrong repaired."""

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

from mmdet_trash.annotations import find_contradictions, is_int, is_number, segmentation_fault, with_defaults
from mmdet_trash.datasets.checks import BoxState, clip_box
from mmdet_trash.datasets.images import find_image, inspect_images
from mmdet_trash.errors import InputError


def repair(coco: Any, ann_file: Path, root: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Mend what can be mended without guessing, and drop the rest.

    Boxes written as text become numbers, boxes are clipped, annotations without an id of their own get one, image
    sizes are taken from the files. Dropped are boxes that are no boxes, refer to nothing, repeat another or lie
    outside, and images and categories that are listed twice or lack their id or name, and images that are missing or
    broken, with their boxes. A mask that is none is dropped, its box stays. Ids that are fine stay as they are.

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
        if segmentation_fault(annotation.get("segmentation"), *sizes[image_id]):
            done["segmentations that are no masks dropped"] += 1
            del kept[-1]["segmentation"]
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
