"""Several annotation files of the same classes, joined into one."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from mmdet_trash.errors import InputError

Part = tuple[str, dict[str, Any]]
"""An annotation file's path and its content, as `load_annotations` gives it."""


def merge_annotations(parts: Sequence[Part]) -> dict[str, Any]:
    """Join annotation files into one.

    The first file stays as it is. Images and annotations of the others follow it in their order, under new ids after
    the first file's largest; a category is the first file's of the same name. Nothing else of a record changes, and
    the files' contents are left as they are.

    Args:
        parts: at least one file.

    Returns:
        A COCO dict whose other fields are the first file's.

    Raises:
        InputError: naming both files, when an image stands in two, or a box is of a category that the first lacks.
    """
    (first_path, first), *others = parts
    images, annotations = [*first["images"]], [*first["annotations"]]
    new_image_ids, new_ids = _ids_after(images), _ids_after(annotations)
    category_ids = {category["name"]: category["id"] for category in first["categories"]}
    source = {image["file_name"]: first_path for image in images}
    for path, coco in others:
        image_ids = {}
        for image in coco["images"]:
            name = image["file_name"]
            if name in source:
                raise InputError(
                    f"{path}: image {image['id']} {name!r} stands in {source[name]} too; in one of them is right"
                )
            source[name] = path
            image_ids[image["id"]] = next(new_image_ids)
            images.append({**image, "id": image_ids[image["id"]]})
        names = {category["id"]: category["name"] for category in coco["categories"]}
        for annotation in coco["annotations"]:
            name = names[annotation["category_id"]]
            if name not in category_ids:
                raise InputError(
                    f"{path}: annotation {annotation['id']} is of category {name!r}, which {first_path} lacks; it has "
                    f"{', '.join(category_ids)}"
                )
            new = {"image_id": image_ids[annotation["image_id"]], "category_id": category_ids[name]}
            annotations.append({**annotation, "id": next(new_ids), **new})
    return {**first, "images": images, "annotations": annotations}


def extra_paths(files: Any, data_root: str) -> list[Path]:
    """Where the files of a config's `extra_ann_files` lie.

    Args:
        files: paths, relative to the root or absolute; None for none.
        data_root: the dataset's folder.

    Raises:
        InputError: when that is no list of paths.
    """
    if files is None:
        return []
    if not isinstance(files, (list, tuple)) or not all(isinstance(file, (str, Path)) for file in files):
        raise InputError(f"extra_ann_files: {files!r} is no list of annotation files, ['pseudo.json'] would be right")
    return [Path(data_root or "") / file for file in files]


def _ids_after(entries: list[dict[str, Any]]) -> count:
    return count(max((entry["id"] for entry in entries), default=0) + 1)
