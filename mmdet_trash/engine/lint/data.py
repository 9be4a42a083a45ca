"""The datasets of a config, and what their annotation files hold."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mmdet_trash.engine.config import LOADERS
from mmdet_trash.engine.lint.finding import Steps, walk
from mmdet_trash.errors import InputError
from mmdet_trash.files import read_json


class Annotations(NamedTuple):
    """What an annotation file says of its classes and images.

    Attributes:
        ids: the categories' ids, rising; empty without categories.
        names: their names in that order.
        size: the width and height of most of its images; None without images.
    """

    ids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    size: tuple[int, int] | None = None


class Dataset(NamedTuple):
    """A dataset of a config.

    Attributes:
        path: where it stands in the config.
        stated: the classes of its `metainfo`, empty without.
        file: its annotation file.
        annotations: what that says, nothing if it is not there or not to be read.
    """

    path: Steps
    stated: tuple[str, ...]
    file: Path
    annotations: Annotations


def datasets_of(cfg: dict, data_root: str | None) -> list[Dataset]:
    """The datasets of a config's data loaders, inside wrappers too.

    Args:
        cfg: the whole config.
        data_root: folder of their annotation files; None reads none.

    Raises:
        InputError: when there is no such folder, none of the files is in it, or one is no COCO file.
    """
    if data_root is not None and not Path(data_root).is_dir():
        raise InputError(f"--data-root {data_root}: no such folder")
    found = [dataset for loader in LOADERS for dataset in _datasets(cfg.get(loader), (loader,), data_root)]
    if data_root is not None and found and not any(dataset.annotations.size for dataset in found):
        names = ", ".join(sorted({dataset.file.name for dataset in found}))
        raise InputError(f"--data-root {data_root}: has none of {names}")
    return found


def _datasets(loader: Any, start: Steps, data_root: str | None) -> Iterator[Dataset]:
    for path, node in walk(loader, start):
        if not isinstance(node.get("ann_file"), str):
            continue
        metainfo = node.get("metainfo")
        stated = metainfo.get("classes") if isinstance(metainfo, dict) else None
        file = Path(data_root or "", node["ann_file"])
        annotations = (
            _read(file, file.stat().st_mtime_ns) if data_root is not None and file.is_file() else Annotations()
        )
        yield Dataset(path, tuple(stated) if isinstance(stated, (tuple, list)) else (), file, annotations)


@cache
def _read(file: Path, written: int) -> Annotations:
    coco = read_json(file)
    try:
        categories = sorted((category["id"], category["name"]) for category in coco.get("categories") or [])
        sizes = Counter((image["width"], image["height"]) for image in coco["images"])
    except (AttributeError, KeyError, TypeError):
        raise InputError(f"{file}: is not COCO; tools/check_data.py says where") from None
    ids, names = zip(*categories, strict=True) if categories else ((), ())
    return Annotations(ids, names, sizes.most_common(1)[0][0] if sizes else None)
