"""Weights out of checkpoints that hold whole modules, without the code of these and without executing anything."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmdet_trash.errors import InputError


class Stub:
    """Stands for any class or function that a pickle names: takes what it is given and does nothing with it."""

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def load_pickled_weights(path: str | Path) -> dict[str, Tensor]:
    """Load the weights of a checkpoint that holds its model, or the average of it, as an object.

    YOLOv7's release, like YOLOv5's, is such: `{"model": ..., "ema": ...}`. A file of weights alone is read too. Of two
    models the average, under `ema`, is taken.

    Args:
        path: of the file.

    Returns:
        Names of parameters and buffers to float32 tensors.

    Raises:
        InputError: when the file is missing, is no checkpoint, or holds no model.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        # A type of its own for each name: torch allows names one by one.
        stubs = [(type(name.rpartition(".")[2], (Stub,), {}), name) for name in named]
        with torch.serialization.safe_globals(stubs):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(
            f"{path}: no checkpoint of torch 1.6 or later, or cut short ({type(error).__name__})"
        ) from None
    if isinstance(checkpoint, dict):
        checkpoint = next(
            (checkpoint[key] for key in ("ema", "model", "state_dict") if checkpoint.get(key)), checkpoint
        )
    if isinstance(checkpoint, Stub):
        checkpoint = dict(_tensors(checkpoint, ""))
    if not isinstance(checkpoint, dict) or not any(isinstance(value, Tensor) for value in checkpoint.values()):
        raise InputError(f"{path}: holds no model and no weights")
    return {
        name: value.detach().float() if value.is_floating_point() else value.detach()
        for name, value in checkpoint.items()
        if isinstance(value, Tensor)
    }


def _tensors(module: Stub, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers of a module and of those in it, by their names."""
    state = getattr(module, "state", None)
    if not isinstance(state, dict):
        return
    for kind in ("_parameters", "_buffers"):
        for name, value in (state.get(kind) or {}).items():
            if isinstance(value, Tensor):
                yield prefix + name, value
    for name, child in (state.get("_modules") or {}).items():
        if isinstance(child, Stub):
            yield from _tensors(child, f"{prefix}{name}.")
