"""What is wrong with a dataset."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from mmdet_trash.annotations import Problem, find_contradictions, with_defaults
from mmdet_trash.datasets.images import find_image, inspect_images

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
        paths = [find_image(root, image["file_name"], str(ann_file)) for image in coco["images"]]
        problems += find_image_problems(coco["images"], paths)
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


def find_image_problems(images: list[dict[str, Any]], paths: list[Path]) -> Iterator[Problem]:
    """Images that are missing, broken, or of another size than the annotation file says.

    Args:
        images: entries of the annotation file.
        paths: where each lies.
    """
    for image, path, state in zip(images, paths, inspect_images(paths), strict=True):
        where, stated = f"image {image['id']}", (image["width"], image["height"])
        if state.broken == "no such file":
            yield Problem("missing image", where, f"{path}: no such file")
        elif state.broken is not None:
            yield Problem("broken image", where, f"{path}: {state.broken}", fatal=False)
        elif state.size != stated:
            real = "x".join(map(str, state.size or ()))
            yield Problem("image size", where, f"{path}: is {real}, the annotations say {stated[0]}x{stated[1]}")
