"""One file of weights from the checkpoints of a training: their mean, or a slim copy of one."""

import copy
import io
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmdet_trash.engine.checkpoint import load_local, trained_classes
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write

LOGGER = logging.getLogger("mmdet_trash")
SAME_CONFIG = "checkpoints of one config and the same classes are right"


def average_checkpoints(
    paths: Sequence[str], weights: Sequence[float] | None = None, raw: bool = False
) -> dict[str, Any]:
    """The mean of checkpoints' weights.

    `Stochastic weight averaging <https://arxiv.org/abs/1803.05407>`_ takes it over a run's last epochs, `model soups
    <https://arxiv.org/abs/2203.05482>`_ over runs from the same initial weights. Batch norm statistics are averaged as
    weights are.

    Args:
        paths: checkpoint files, one at least. Of one alone the weights are copied, to the bit.
        weights: how much each counts, of any sum; all the same, if None.
        raw: whether to take the weights that were being trained, not their moving average, where `EMAHook` kept one.

    Returns:
        `state_dict`, and `meta` with the `dataset_meta` of the last, if it has one. Floating-point tensors are
        means, summed in float64, of the dtype they have in the files; others, such as counts, are those of the last.

    Raises:
        InputError: when a file is no checkpoint, holds NaN or is of another model or other classes than the first, or
            when the weights do not fit.
    """
    shares = shares_of(weights, len(paths))
    warn_of_repeats(paths)
    first: dict[str, Tensor] = {}
    means: dict[str, Tensor] = {}
    for path, share in zip(paths, shares, strict=True):
        checkpoint = load_local(path)
        tensors = tensors_of(checkpoint, path, raw)
        classes = trained_classes(checkpoint)
        if not first:
            first = {name: tensor.to("meta") for name, tensor in tensors.items()}
            first_classes = classes
        check_same_classes(first_classes, classes, paths[0], path)
        check_same_model(first, tensors, paths[0], path)
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                part = share * tensor.double()
                means[name] = means[name].add_(part) if name in means else part

    averaged = copy.copy(tensors)  # with the versions of modules, which PyTorch keeps in an attribute
    for name, tensor in tensors.items():
        averaged[name] = means[name].to(tensor.dtype) if name in means else tensor.clone()
    dataset_meta = (checkpoint.get("meta") or {}).get("dataset_meta")
    return {"meta": {"dataset_meta": dataset_meta} if dataset_meta else {}, "state_dict": averaged}


def shares_of(weights: Sequence[float] | None, count: int) -> list[float]:
    """Weights scaled to a sum of 1.

    Raises:
        InputError: when they are not one a checkpoint, or negative, not finite or all zero.
    """
    weights = [1.0] * count if weights is None else list(weights)
    if len(weights) != count:
        raise InputError(f"--weights: has {len(weights)} numbers for {count} checkpoints, one each is right")
    for weight in weights:
        if not (math.isfinite(weight) and weight >= 0):
            raise InputError(f"--weights: {weight:g} is negative or not finite, 0 or more is right")
    total = sum(weights)
    if not 0 < total < math.inf:
        raise InputError(f"--weights: they sum to {total:g}, a finite sum above 0 is right")
    return [weight / total for weight in weights]


def warn_of_repeats(paths: Sequence[str]) -> None:
    """Log a warning for each file that was named before, by a link too, as `last.pth` is one."""
    seen: dict[Path, str] = {}
    for path in paths:
        file = Path(path).resolve()
        if file in seen:
            LOGGER.warning("%s: is the same file as %s, which counts once more", path, seen[file])
        seen.setdefault(file, path)


def tensors_of(checkpoint: dict[str, Any], path: str, raw: bool = False) -> dict[str, Tensor]:
    """The weights of a checkpoint, by name.

    `EMAHook` saves the average as `state_dict`, and under `ema_state_dict` what it took the place of.

    Raises:
        InputError: when there are none, one is not finite, or `raw` is asked for where there was no `EMAHook`.
    """
    tensors = checkpoint.get("state_dict", checkpoint)
    if not is_state_dict(tensors):
        raise InputError(f"{path}: holds no weights, a state_dict of tensors is right")
    if raw:
        replaced = checkpoint.get("ema_state_dict")
        if not is_state_dict(replaced):
            raise InputError(f"{path}: --raw: was saved without EMAHook, it has one set of weights; leave out --raw")
        averages, tensors = tensors, copy.copy(tensors)
        for name in averages:
            tensors[name] = replaced.get(f"module.{name}", averages[name])
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{path}: {name} has values that are not finite; a checkpoint from before that is right")
    return tensors


def is_state_dict(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(isinstance(value, Tensor) for value in content.values())


def check_same_classes(first: tuple | None, other: tuple | None, first_path: str, path: str) -> None:
    """Check that two checkpoints were trained on the same classes in the same order.

    Raises:
        InputError: when they were not, or one alone does not say.
    """
    if first != other:
        stated = ["none" if classes is None else f"{len(classes)} ({', '.join(classes)})" for classes in (first, other)]
        raise InputError(f"{path}: states {stated[1]} as its classes, {first_path} {stated[0]}; {SAME_CONFIG}")


def check_same_model(first: dict[str, Tensor], other: dict[str, Tensor], first_path: str, path: str) -> None:
    """Check that two checkpoints have tensors of the same names, shapes and dtypes.

    Raises:
        InputError: naming the first that differs.
    """
    for name in [*first, *other]:
        if name not in first or name not in other:
            lacking, having = (path, first_path) if name in first else (first_path, path)
            raise InputError(f"{lacking}: has no {name}, which {having} has; {SAME_CONFIG}")
        if kind_of(first[name]) != kind_of(other[name]):
            raise InputError(
                f"{path}: {name} is {kind_of(other[name])}, {first_path} has {kind_of(first[name])}; {SAME_CONFIG}"
            )


def kind_of(tensor: Tensor) -> str:
    """Dtype and shape, such as `float32 (3, 4)`."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def write_checkpoint(checkpoint: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a checkpoint, whole or not at all. The same content gives the same bytes."""
    content = io.BytesIO()  # torch wraps what a file raises; here a full disk stays an OSError
    torch.save(checkpoint, content)
    with atomic_write(path, "wb") as file:
        file.write(content.getbuffer())
