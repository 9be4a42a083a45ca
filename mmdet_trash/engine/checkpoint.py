"""Loading checkpoints without executing what they hold."""

import pickle
import re
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import barrier, get_rank
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

from mmdet_trash.errors import InputError

STATISTICS = {"min", "max", "current", "mean"}


def _statistics_method(owner: type, name: str) -> Callable:
    """Stand in for `getattr`, by which a `HistoryBuffer` refers to its methods, and which could reach anything."""
    if owner is not HistoryBuffer or name not in STATISTICS:
        raise pickle.UnpicklingError(f"GLOBAL getattr({owner!r}, {name!r})")
    return getattr(owner, name)


def _safe_globals() -> list[Any]:
    """What MMEngine puts into a checkpoint beside tensors: its log history, which is of NumPy numbers."""
    multiarray = (np._core if hasattr(np, "_core") else np.core).multiarray
    dtypes = {type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32)}
    getattrs = [(_statistics_method, f"{module}.getattr") for module in ("builtins", "__builtin__")]
    return [HistoryBuffer, np.ndarray, np.dtype, multiarray._reconstruct, multiarray.scalar, *dtypes, *getattrs]


def load_local(filename: str, map_location: Any = "cpu") -> dict[str, Any]:
    """Load a checkpoint file; nothing in it is executed.

    Raises:
        InputError: when it is missing, cut short, or holds more than weights and MMEngine's own records.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+( .*\))?)", str(error))
        reason = f"it holds more than weights: {found[1]}" if found else "it is no checkpoint"
        raise InputError(f"{path}: not loaded, since {reason}") from None
    except (RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{path}: not a whole checkpoint ({type(error).__name__}); is the file cut short?") from None


def load_url(filename: str, map_location: Any = "cpu") -> dict[str, Any]:
    """Load a checkpoint from a URL, kept in torch's cache; the first process of a machine fetches it for the others.

    Raises:
        InputError: when it cannot be fetched.
    """

    def fetch() -> dict[str, Any]:
        try:
            return torch.hub.load_state_dict_from_url(filename, map_location=map_location, weights_only=True)
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
            raise InputError(
                f"{filename}: cannot be fetched ({reason}); put the file into {torch.hub.get_dir()}/checkpoints, or "
                "train without initial weights: --from-scratch"
            ) from None

    checkpoint = fetch() if get_rank() == 0 else None
    barrier()
    return fetch() if checkpoint is None else checkpoint


def use_safe_loaders() -> None:
    """Have MMEngine load local files and URLs through this module."""
    CheckpointLoader.register_scheme("", load_local, force=True)
    CheckpointLoader.register_scheme(("http://", "https://"), load_url, force=True)


def latest_checkpoint(work_dir: Path) -> Path | None:
    """The newest `epoch_N.pth` or `iter_N.pth` of a work dir, or None.

    Files are written whole, so the one with the largest number is good whatever the run was doing when it ended.
    """
    numbered = [
        (int(path.stem.rsplit("_", 1)[1]), path)
        for pattern in ("epoch_*.pth", "iter_*.pth")
        for path in work_dir.glob(pattern)
    ]
    return max(numbered)[1] if numbered else None


def check_fits(model: torch.nn.Module, checkpoint: dict[str, Any], path: str, classes: tuple[str, ...]) -> None:
    """Check that a checkpoint is of this model and these classes.

    Raises:
        InputError: naming the classes, the first parameter of another shape, or the first that is missing.
    """
    trained = checkpoint.get("meta", {}).get("dataset_meta", {}).get("classes")
    if trained is not None and tuple(trained) != tuple(classes):
        raise InputError(
            f"{path}: was trained on {len(trained)} classes ({', '.join(trained)}), the data has {len(classes)} "
            f"({', '.join(classes)})"
        )
    weights = checkpoint.get("state_dict", checkpoint)
    for name, parameter in model.state_dict().items():
        if name not in weights:
            raise InputError(f"{path}: has no {name}; is it of another config?")
        if weights[name].shape != parameter.shape:
            raise InputError(
                f"{path}: {name} has shape {tuple(weights[name].shape)}, the config's is {tuple(parameter.shape)}; "
                "is it of another config or class count?"
            )
