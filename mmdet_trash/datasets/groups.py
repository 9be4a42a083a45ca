"""Which images belong together and must not be parted by a split."""

import csv
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import radius_neighbors_graph

from mmdet_trash.errors import InputError

NEAR = 4
"""Bits of 64 by which perceptual hashes of one picture, scaled or compressed anew, may differ."""


def join(*partitions: np.ndarray) -> np.ndarray:
    """Group images that are in one group of any partition, directly or by way of others.

    Args:
        *partitions: (M,) int64 each, images of the same number are together.

    Returns:
        (M,) int64 group of each image, numbered by first appearance.
    """
    count = len(partitions[0])
    links = []
    for partition in partitions:
        _, first, member = np.unique(partition, return_index=True, return_inverse=True)
        links.append(np.stack([np.arange(count), first[member]]))
    ends = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(ends.shape[1], np.int8), (ends[0], ends[1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def by_field(coco: dict[str, Any], field: str) -> np.ndarray:
    """Group images by what stands in a field of their records, such as the video they were taken from.

    Raises:
        InputError: naming the first image without the field, or with a list or an object in it.
    """
    for image in coco["images"]:
        if field not in image:
            raise InputError(f"image {image['id']}: has no {field!r} to group by; it has {', '.join(image)}")
        if isinstance(image[field], (list, dict)):
            raise InputError(f"image {image['id']}: {field} is {image[field]!r}, text or a number is right")
    return _numbered([image[field] for image in coco["images"]])


def by_table(coco: dict[str, Any], path: str | Path) -> np.ndarray:
    """Group images by a CSV file of the columns `file_name` and `group`; an image that it lacks is alone.

    Raises:
        InputError: naming the file and line of what cannot be used.
    """
    known = {image["file_name"] for image in coco["images"]}
    group: dict[str, Hashable] = {}
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"file_name", "group"} <= set(rows.fieldnames or ()):
                raise InputError(f"{path}: has the columns {rows.fieldnames}, file_name and group are right")
            for row in rows:
                name = row["file_name"]
                if name not in known:
                    raise InputError(f"{path}: line {rows.line_num}: {name!r} is no image of the annotation file")
                if not row["group"]:
                    raise InputError(f"{path}: line {rows.line_num}: {name!r} has no group")
                if group.setdefault(name, row["group"]) != row["group"]:
                    raise InputError(f"{path}: line {rows.line_num}: {name!r} stands in two groups")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is no CSV file: {error}") from None
    return _numbered([group.get(image["file_name"], (image["id"],)) for image in coco["images"]])


def by_picture(paths: Sequence[Path], near: int = NEAR) -> np.ndarray:
    """Group image files that show the same picture, also where one was scaled or compressed anew.

    The perceptual hash is imagehash's `phash`: 64 signs of low frequencies of the picture in grey.

    Args:
        paths: M image files.
        near: bits by which the hashes of one picture may differ.

    Returns:
        (M,) int64 group of each.

    Raises:
        InputError: naming a file that is missing or cannot be read.
    """
    with ThreadPoolExecutor() as pool:
        hashes = np.stack(list(pool.map(_hash, paths)))
    graph = radius_neighbors_graph(hashes, near / 64, metric="hamming")
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _hash(path: Path) -> np.ndarray:
    import imagehash
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.draft("L", (256, 256))  # a JPEG is decoded at an eighth of its size at least
            return imagehash.phash(image).hash.ravel()
    except OSError as error:
        raise InputError(f"{path}: cannot be read as an image: {error}") from None


def _numbered(keys: Sequence[Hashable]) -> np.ndarray:
    """A number for each key, by first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
