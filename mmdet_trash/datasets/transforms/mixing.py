"""What transforms that draw on other images of the dataset have in common."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from mmengine.logging import print_log

from mmdet_trash.datasets.transforms.canvas import Sample
from mmdet_trash.datasets.transforms.images import TRIES, Decoder, open_images
from mmdet_trash.datasets.transforms.objects import Objects
from mmdet_trash.datasets.transforms.reading import UnreadableImage
from mmdet_trash.errors import InputError


class MixingTransform(BaseTransform):
    """A transform that reads images itself, the sample's own and others of the dataset, and needs no wrapper dataset.

    It stands first in a pipeline, or after `LoadImageFromFile` and `LoadAnnotations`: an image that is loaded already
    is taken as it is, but one that is not can be read no larger than needed. The dataset becomes known to it through
    :func:`attach`, which :class:`TrashDataset` and `AugmentationHook` call. Samples are never copied deeply, nor
    changed. Images are drawn from the whole dataset with repeats, so that one image is enough.

    An image that cannot be read is left out: of the others, another is drawn; if it is the sample's own, the transform
    returns None and the dataset takes another sample. A log line names the file, once in a process.

    A subclass says how many others it wants in `others`, and mixes them in `mix_img_transform`.

    Required keys: `img_path`, `width`, `height`, `instances`; or `img`, `gt_bboxes`, `gt_bboxes_labels`.
    Modified keys: `img`, `img_shape`, `gt_bboxes`, `gt_bboxes_labels`, `gt_ignore_flags`.

    Args:
        prob: how often it mixes; else the image is loaded alone.
        pre_transform: transforms that the other images go through first, for example a `Mosaic`.

    Attributes:
        strength: (1,) tensor in shared memory that `prob` is multiplied with; a data loader's workers see a change.
    """

    others = 0
    closes = True
    """Whether training may end without it, see `AugmentationHook`."""

    def __init__(self, prob: float = 1.0, pre_transform: list[dict[str, Any]] | None = None) -> None:
        if not 0 <= prob <= 1:
            raise InputError(f"{type(self).__name__}: prob {prob} is no probability")
        self.prob = prob
        self.pre_transform = None if pre_transform is None else Compose(pre_transform)
        self.images: Decoder | None = None
        self.strength = torch.ones(1).share_memory_()

    @abstractmethod
    def mix_img_transform(self, results: dict[str, Any], others: list[Sample]) -> dict[str, Any]:
        """Make one sample of one and others; changes neither."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        state = np.random.get_state()
        while True:
            try:
                if np.random.random() >= self.prob * self.strength.item():
                    return self.alone(results)
                return self.mix_img_transform(results, [self._draw() for _ in range(self.others)])
            except UnreadableImage as error:
                self._leave_out(error)
                if error.path == results["img_path"]:
                    return None
            # Begin again, as if it had been known: a sample does not depend on when that was found.
            np.random.set_state(state)

    def attached(self, dataset: Any) -> None:
        """Prepare what needs the whole dataset; `images` is set."""

    def alone(self, results: dict[str, Any]) -> dict[str, Any]:
        """The sample when nothing is mixed: loaded."""
        image, objects = Sample(results, self.images).whole()
        # A cache keeps its own; later transforms may write to theirs.
        return self.packed(results, image if "img" in results else image.copy(), objects)

    def packed(self, results: dict[str, Any], image: np.ndarray, objects: Objects) -> dict[str, Any]:
        """The sample with another image and other objects."""
        results = {**results, "img": image, "img_shape": image.shape[:2]}
        objects.put_into(results)
        return results

    def _draw(self) -> Sample:
        if self.images is None:
            raise InputError(
                f"{type(self).__name__}: knows no dataset to draw images from; a hook AugmentationHook, or "
                "mmdet_trash.datasets.transforms.attach(dataset), tells it"
            )
        for _ in range(TRIES):
            info = self.images.draw()
            results = info if self.pre_transform is None else self.pre_transform({**info})
            if results is not None:
                return Sample(results, self.images)
            if info["img_path"] in self.images.unreadable:
                raise UnreadableImage(info["img_path"], "was left out")
        raise InputError(f"{type(self).__name__}: pre_transform gave nothing for {TRIES} images in a row")

    def _leave_out(self, error: UnreadableImage) -> None:
        if self.images is not None and error.path not in self.images.unreadable:
            self.images.unreadable.add(error.path)
            print_log(f"left out: {error}", logger="current", level=logging.WARNING)


def attach(dataset: Any, cache: Any = False) -> list[MixingTransform]:
    """Tell the mixing transforms in a dataset's pipelines which dataset to draw from.

    Args:
        dataset: with MMEngine's `get_data_info`. Where wrappers repeat or join datasets it is the outermost.
        cache: see :func:`mmdet_trash.datasets.transforms.images.open_images`; images fit the largest `img_scale`.

    Returns:
        The transforms, those inside others too.

    Raises:
        InputError: for a cache that cannot be opened.
    """
    transforms = list(_mixing(_pipelines(dataset)))
    scales = [transform.img_scale for transform in transforms if getattr(transform, "img_scale", None)]
    if cache is not False and not scales:
        raise InputError(f"cache={cache!r}: no transform of the pipeline reads images for an img_scale")
    images = open_images(cache, dataset, max(scales, default=(0, 0)))
    for transform in transforms:
        transform.images = images
        transform.attached(dataset)
    return transforms


def _pipelines(dataset: Any) -> Iterator[Any]:
    for inner in [*getattr(dataset, "datasets", []), getattr(dataset, "dataset", None)]:
        if inner is not None:
            yield from _pipelines(inner)
    yield getattr(dataset, "pipeline", None)


def _mixing(nodes: Any) -> Iterator[MixingTransform]:
    """The mixing transforms among transforms and in the pipelines that these hold."""
    for node in nodes:
        if isinstance(node, MixingTransform):
            yield node
        if isinstance(node, list | tuple):
            yield from _mixing(node)
        else:
            yield from _mixing([getattr(node, name) for name in ("transforms", "pre_transform") if hasattr(node, name)])
