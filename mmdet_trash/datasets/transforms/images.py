"""Where transforms that mix images take them from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_trash.datasets.transforms.image_cache import ImageCache, fitting_size
from mmdet_trash.datasets.transforms.reading import read_image
from mmdet_trash.errors import InputError

TRIES = 100
"""Draws in a row that may fall on unreadable images."""
RING = 40


class Decoder:
    """Draws from the whole dataset; an image is read from its file whenever it is wanted, no larger than needed.

    Attributes:
        dataset: with MMEngine's `get_data_info`; may be a wrapper.
        unreadable: paths that are not drawn again.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.unreadable: set[str] = set()

    def draw(self) -> dict[str, Any]:
        """The data info of an image, each as likely as any other.

        Raises:
            InputError: when there seems to be none that can be read.
        """
        for _ in range(TRIES):
            info = self.dataset.get_data_info(int(np.random.randint(len(self.dataset))))
            if info["img_path"] not in self.unreadable:
                return info
        raise InputError(f"{info['img_path']}: cannot be read as an image, and {len(self.unreadable)} images cannot")

    def read(self, info: dict[str, Any], shrink: float) -> np.ndarray:
        """(H, W, 3) uint8 BGR, not to be written to; at least `shrink` times its full size, or all there is.

        Raises:
            UnreadableImage: naming the file.
        """
        return read_image(info["img_path"], shrink)


class Ring(Decoder):
    """Keeps the images that were read last and draws from these alone, so that a sample costs one decoding.

    Each process has its own; what is mixed depends on what it has read.

    Args:
        dataset: see :class:`Decoder`.
        img_scale: `(width, height)` that images are read for.
        size: how many are kept.

    Raises:
        InputError: when that is none.
    """

    def __init__(self, dataset: Any, img_scale: tuple[int, int], size: int = RING) -> None:
        super().__init__(dataset)
        if not isinstance(size, int) or size < 1:
            raise InputError(f"cache='ring': size {size!r} is no number of images, 1 or more is right")
        self.img_scale, self.size = img_scale, size
        self._kept: OrderedDict[str, tuple[dict[str, Any], np.ndarray]] = OrderedDict()

    def draw(self) -> dict[str, Any]:
        if not self._kept:
            return super().draw()
        info, image = list(self._kept.values())[np.random.randint(len(self._kept))]
        return {**info, "decoded": image}  # which the next to be read may drive out

    def read(self, info: dict[str, Any], shrink: float) -> np.ndarray:
        if "decoded" in info:
            return info["decoded"]
        path = info["img_path"]
        if path not in self._kept:
            size = full_size(info)
            enough = max(fitting_size(size, self.img_scale)) / max(size) if size else 1.0
            self._kept[path] = info, read_image(path, enough)
            if len(self._kept) > self.size:
                self._kept.popitem(last=False)
        return self._kept[path][1]


class Mapped(Decoder):
    """Takes images from an :class:`ImageCache`."""

    def __init__(self, dataset: Any, cache: ImageCache) -> None:
        super().__init__(dataset)
        self.cache = cache

    def read(self, info: dict[str, Any], shrink: float) -> np.ndarray:
        image = self.cache.read(info["img_path"])
        return super().read(info, shrink) if image is None else image


def open_images(cache: Any, dataset: Any, img_scale: tuple[int, int]) -> Decoder:
    """The images of a dataset, with a cache or without.

    Args:
        cache: False decodes for each sample; "ring", or `dict(type="ring", size=40)`, keeps the last ones; "disk", or
            `dict(type="disk", folder=…)`, maps a file of decoded images, by default in `image_cache/` under the
            dataset's root, and makes it first where it is missing or stale.
        dataset: the one that is trained on, a wrapper or not.
        img_scale: `(width, height)` that images fit.

    Raises:
        InputError: for another cache, or as :meth:`ImageCache.build`.
    """
    options = dict(cache) if isinstance(cache, Mapping) else {"type": cache}
    kind = options.pop("type", None)
    if kind is False and not options:
        return Decoder(dataset)
    if kind == "ring" and set(options) <= {"size"}:
        return Ring(dataset, img_scale, **options)
    if kind == "disk" and set(options) <= {"folder"}:
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        folder = Path(options.get("folder") or Path(data_root(dataset)) / "image_cache")
        sizes = {info["img_path"]: full_size(info) or img_scale for info in infos}
        name = f"{img_scale[0]}x{img_scale[1]}.images"
        return Mapped(dataset, ImageCache.build(folder / name, sizes, img_scale))
    raise InputError(f"cache={cache!r} is unknown; False, 'ring', 'disk', or a dict with such a type is right")


def full_size(info: dict[str, Any]) -> tuple[int, int] | None:
    """`(width, height)` of an image as its annotations say it, if they do."""
    return (info["width"], info["height"]) if info.get("width") and info.get("height") else None


def data_root(dataset: Any) -> str:
    """The folder of a dataset, or of the first that a wrapper holds."""
    while not hasattr(dataset, "data_root"):
        dataset = dataset.dataset if hasattr(dataset, "dataset") else dataset.datasets[0]
    return dataset.data_root
