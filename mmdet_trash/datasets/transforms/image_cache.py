"""Images of a dataset, decoded and shrunk once, in one file that every process maps into its memory."""

from __future__ import annotations

import errno
import json
import mmap
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from filelock import FileLock
from mmengine.logging import print_log
from rich.progress import track

from mmdet_trash.datasets.transforms.reading import UnreadableImage, read_image
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write

MAGIC = b"mmdet_trash 1 "
TAIL = len(MAGIC) + 16
"""The file ends with the magic and, in 16 hexadecimal digits, where its index begins."""
THREADS = 4


class ImageCache:
    """Decoded images of one file, each shrunk to fit a size, none enlarged.

    The file holds the pixels one image after the other, then an index in JSON, then where that begins. Pages of it are
    shared by all processes, and the system drops them when memory is wanted for something else.

    Args:
        path: a file that :meth:`build` wrote.

    Raises:
        InputError: when it is no such file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self.path.open("rb") as file:
            try:
                self._pixels = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                if self._pixels[-TAIL:-16] != MAGIC:
                    raise ValueError
                self.index: dict[str, Any] = json.loads(self._pixels[int(self._pixels[-16:], 16) : -TAIL])
            except ValueError:
                raise InputError(f"{self.path}: is no image cache of this version; remove it") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return ImageCache, (self.path,)

    @classmethod
    def build(cls, path: str | Path, images: Mapping[str, tuple[int, int]], size: tuple[int, int]) -> ImageCache:
        """Open the cache of a file, or write it anew when an image is missing in it or has changed since.

        What is still right is copied from the old file, images that are not asked for included, so that folds share
        one. Of several processes one writes and the others wait. The file is whole or as it was.

        Args:
            path: of the file; its folder is made.
            images: `(width, height)` by path, as the annotations say it.
            size: `(width, height)` that each image is shrunk to fit.

        Raises:
            InputError: when the disk lacks the room, saying how much is needed.
            OSError: naming the file, when it cannot be written.
        """
        path = Path(path)
        try:
            # Without the lock first: data that is mounted read-only may bring its cache along.
            cache = cls._ready(path, images)
            if cache is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(f"{path}.lock"):
                    cache = cls._ready(path, images) or cls._write(path, images, size)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            raise InputError(
                f"{path}: cannot be written ({error.strerror}); cache=dict(type='disk', folder=…) names another place"
            ) from None
        print_log(f"image cache: {len(cache.index)} images, {gib(path.stat().st_size)} in {path}", logger="current")
        return cache

    @classmethod
    def _ready(cls, path: Path, images: Mapping[str, tuple[int, int]]) -> ImageCache | None:
        """The cache of a file, if it has all images as they are now."""
        if not path.exists():
            return None
        cache = cls(path)
        return (
            cache if all(name in cache.index and cache.index[name]["stamp"] == stamp(name) for name in images) else None
        )

    @classmethod
    def _write(cls, path: Path, images: Mapping[str, tuple[int, int]], size: tuple[int, int]) -> ImageCache:
        old = cls(path) if path.exists() else None
        known = old.index if old is not None else {}
        keep = {name: entry for name, entry in known.items() if entry["stamp"] == stamp(name)}
        missing = [name for name in images if name not in keep]
        need = sum(np.prod(entry["shape"]) for entry in keep.values())
        need += sum(3 * np.prod(fitting_size(images[name], size)) for name in missing)
        free = shutil.disk_usage(path.parent).free
        if need > free:
            raise InputError(f"{path}: {gib(need)} are needed for the image cache, {gib(free)} are free")
        print_log(f"image cache: {len(missing)} images to decode, {gib(need)} to write to {path}", logger="current")
        with atomic_write(path, "wb") as file:
            index, offset = {}, 0
            copied = ((name, keep[name]["stamp"], old.read(name) if old else None) for name in keep)
            for source in (copied, track(decode(missing, size), "image cache", total=len(missing), transient=True)):
                for name, when, image in source:
                    shape = () if image is None else image.shape
                    index[name] = {"offset": offset, "shape": shape, "stamp": when}
                    if image is not None:
                        offset += file.write(image.data)
            file.write(json.dumps(index).encode() + MAGIC + f"{offset:016x}".encode())
        return cls(path)

    def read(self, name: str) -> np.ndarray | None:
        """The pixels of an image, (H, W, 3) uint8 BGR, not to be written to; None for one that could not be read."""
        entry = self.index[name]
        if not entry["shape"]:
            return None
        pixels = np.frombuffer(self._pixels, np.uint8, int(np.prod(entry["shape"])), entry["offset"])
        return pixels.reshape(entry["shape"])


def decode(names: list[str], size: tuple[int, int]) -> Iterator[tuple[str, list[int], np.ndarray | None]]:
    """Path, stamp and shrunk pixels of each image, in order; decoded on several threads, a few ahead."""
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(names), 8 * THREADS):
            yield from pool.map(
                lambda name: (name, stamp(name), shrunk(name, size)), names[start : start + 8 * THREADS]
            )


def shrunk(name: str, size: tuple[int, int]) -> np.ndarray | None:
    """An image shrunk to fit a size, or as it is when it fits; None for one that cannot be read."""
    try:
        image = read_image(name)
    except UnreadableImage:
        return None
    height, width = image.shape[:2]
    fitting = fitting_size((width, height), size)
    return image if fitting == (width, height) else cv2.resize(image, fitting, interpolation=cv2.INTER_AREA)


def fitting_size(image: tuple[int, int], size: tuple[int, int], enlarge: bool = False) -> tuple[int, int]:
    """Width and height of an image in a frame that it touches with its longer side; smaller ones stay as they are."""
    ratio = min(size[0] / image[0], size[1] / image[1])
    ratio = ratio if enlarge else min(ratio, 1.0)
    return max(1, round(image[0] * ratio)), max(1, round(image[1] * ratio))


def stamp(name: str) -> list[int] | None:
    """Size and time of change of a file; None when it is not there."""
    try:
        stat = Path(name).stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns]


def batched(names: list[str], size: int) -> Iterator[list[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))


def gib(size: float) -> str:
    return f"{size / 2**30:.2f} GiB"
