"""Fusion over a Ray cluster: images in shards, Parquet in and out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mmdet_trash.cluster import ray_cluster
from mmdet_trash.fusion.fuse import fuse
from mmdet_trash.fusion.settings import FusionSettings
from mmdet_trash.predictions import ImageTable, Predictions, read_predictions, write_predictions

IMAGES_A_SHARD = 512


def fuse_on_ray(
    models: Sequence[Any],
    settings: FusionSettings,
    backend: str = "numba",
    address: str | None = None,
    images_a_shard: int = IMAGES_A_SHARD,
) -> Predictions:
    """Fuse as `mmdet_trash.fusion.fuse.fuse` does, on the workers of a Ray cluster, to the same bits.

    A worker needs this package installed. It gets its shard's boxes, and gives the fused ones, as Parquet, so that no
    folder has to be shared.

    Args:
        models: as `fuse`'s, all for one image table.
        settings: how to fuse.
        backend: as `fuse`'s.
        address: of the cluster; a local one is started, and ended, if None.
        images_a_shard: that a worker fuses in one task, with one thread.

    Raises:
        InputError: when Ray is not installed, or the cluster cannot be reached; and as `fuse`.
    """
    images = _first(models).images
    starts = range(0, len(images), images_a_shard)
    shards = [(first, min(first + images_a_shard, len(images))) for first in starts]
    with ray_cluster(address) as ray:
        work = ray.remote(_fuse_shard)
        waiting = [work.remote(_as_parquet(models, *shard), images.part(*shard), settings, backend) for shard in shards]
        try:
            fused = ray.get(waiting)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
    parts = [_from_parquet(content, images.part(*shard)) for content, shard in zip(fused, shards, strict=True)]
    index = [first + part.image_index for (first, _), part in zip(shards, parts, strict=True)]
    columns = [[getattr(part, name) for part in parts] for name in ("labels", "scores", "bboxes")]
    return Predictions.from_columns(images, *(np.concatenate(column) for column in (index, *columns)))


def _fuse_shard(models: Any, images: ImageTable, settings: FusionSettings, backend: str) -> bytes:
    fused = fuse(_from_parquet(models, images), settings, backend, threads=1)
    return _as_parquet(fused, 0, len(images))


def _first(models: Any) -> Predictions:
    return models if isinstance(models, Predictions) else _first(models[0])


def _as_parquet(models: Any, first: int, last: int) -> Any:
    """Some images' boxes of each model as the bytes of a Parquet file, in lists where models stand in lists."""
    if not isinstance(models, Predictions):
        return [_as_parquet(model, first, last) for model in models]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shard.parquet"
        write_predictions(models.part(first, last), path)
        return path.read_bytes()


def _from_parquet(content: Any, images: ImageTable) -> Any:
    if not isinstance(content, bytes):
        return [_from_parquet(part, images) for part in content]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shard.parquet"
        path.write_bytes(content)
        return read_predictions(path, images)
