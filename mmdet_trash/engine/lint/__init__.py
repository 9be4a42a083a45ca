"""Faults of a config that are found without training it."""

from collections.abc import Callable, Iterator
from typing import Any

from mmdet_trash.engine.config import load_config
from mmdet_trash.engine.lint.backbone_lr import check_backbone_lr
from mmdet_trash.engine.lint.box_losses import check_box_losses
from mmdet_trash.engine.lint.chain import Chain, Loader, Refused
from mmdet_trash.engine.lint.classes import check_classes
from mmdet_trash.engine.lint.data import datasets_of
from mmdet_trash.engine.lint.finding import Finding
from mmdet_trash.engine.lint.image_scale import check_image_scale
from mmdet_trash.engine.lint.registered import check_types
from mmdet_trash.engine.lint.repeats import check_repeats
from mmdet_trash.engine.lint.schedule import check_schedule
from mmdet_trash.engine.lint.subject import Subject

__all__ = ["Chain", "Finding", "Loader", "Refused", "check_config", "read_chain"]

COMPETITION = (1024, 1024)
"""Width and height of the competition's images."""
CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    check_types,
    check_classes,
    check_schedule,
    check_image_scale,
    check_box_losses,
    check_backbone_lr,
)


def check_config(
    path: str,
    options: dict[str, Any] | None = None,
    *,
    image_size: tuple[int, int] | None = None,
    data_root: str | None = None,
    loader: Loader | None = None,
) -> list[Finding]:
    """Find the faults of a config.

    Args:
        path: the config's file.
        options: `key=value` options merged into it.
        image_size: width and height of the images in pixels: 1024x1024, or what most images of the data have.
        data_root: folder of the data to hold it to.
        loader: keeps the files read for other configs.

    Raises:
        InputError: when it is no config, an option does not fit it, or the data cannot be read.
    """
    try:
        chain = read_chain(path, options, loader)
    except Refused as refused:
        return [refused.finding]
    found = [finding for file in chain.file.chain() for finding in check_repeats(file)]
    sizes = [dataset.annotations.size for dataset in datasets_of(chain.cfg, data_root)]
    subject = Subject(chain, image_size or next(filter(None, sizes), COMPETITION), data_root)
    found += [finding for check in CHECKS for finding in check(subject)]
    return list(dict.fromkeys(found))


def read_chain(path: str, options: dict[str, Any] | None = None, loader: Loader | None = None) -> Chain:
    """Read a config with its bases.

    Raises:
        InputError: when it is no config, or an option does not fit it.
        Refused: when its bases share a name, or it refers to what they lack.
    """
    try:
        chain = Chain((loader or Loader()).load(path), options)
    except Refused:
        raise
    except Exception:
        load_config(path, options)  # which tells what is wrong
        raise
    load_config(path, options)
    return chain
