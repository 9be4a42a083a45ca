"""Loading checkpoints without executing what they hold."""

import pickle
import re
import urllib.error
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from mmengine.dist import barrier, get_local_rank
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

from mmdet_trash.engine.pickled_weights import load_pickled_weights
from mmdet_trash.errors import InputError

OTHER_SCHEMES = (
    "torchvision://",
    "modelzoo://",
    "open-mmlab://",
    "openmmlab://",
    "mmcls://",
    "pavi://",
    r"(\S+\:)?s3://",
    r"(\S+\:)?petrel://",
)
STATISTICS = {"min", "max", "current", "mean"}


def _statistics_method(owner: type, name: str) -> Callable:
    """Stand in for `getattr`, by which a `HistoryBuffer` refers to its methods, and which could reach anything."""
    if owner is not HistoryBuffer or name not in STATISTICS:
        raise pickle.UnpicklingError(f"GLOBAL getattr({owner!r}, {name!r})")
    return getattr(owner, name)


def _safe_globals() -> list[Any]:
    """What MMEngine puts into a checkpoint beside tensors: its log history, which is of NumPy numbers."""
    multiarray = (np._core if hasattr(np, "_core") else np.core).multiarray
    # NumPy 1 and 2 name the same two functions by different modules.
    rebuild = [
        (getattr(multiarray, name), f"numpy.{core}.multiarray.{name}")
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    ]
    dtypes = {type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32)}
    getattrs = [(_statistics_method, f"{module}.getattr") for module in ("builtins", "__builtin__")]
    return [HistoryBuffer, np.ndarray, np.dtype, *rebuild, *dtypes, *getattrs]


def load_local(filename: str, map_location: Any = "cpu") -> dict[str, Any]:
    """Load a checkpoint file; nothing in it is executed.

    Of a model of YOLOv7's or YOLOv5's own code, as their releases hold one, the weights are taken.

    Raises:
        InputError: when it is missing, cut short, or holds more than weights and MMEngine's own records.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (getattr\(.*\)|\S+)", str(error))
        if found and found[1].startswith("models."):
            return {"state_dict": load_pickled_weights(path)}
        reason = f"it holds more than weights: {found[1]}" if found else "it is no checkpoint"
        raise InputError(f"{path}: not loaded, since {reason}") from None
    except (RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{path}: not a whole checkpoint ({type(error).__name__}); is the file cut short?") from None
    if not isinstance(checkpoint, dict):
        raise InputError(f"{path}: holds a {type(checkpoint).__name__}, a dict of weights is right")
    return checkpoint


def load_url(filename: str, map_location: Any = "cpu") -> dict[str, Any]:
    """Load a checkpoint from a URL, kept in torch's cache; the first process of a machine fetches it for the others.

    Raises:
        InputError: when it cannot be fetched, or what was fetched is no checkpoint.
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
        except (pickle.UnpicklingError, RuntimeError, EOFError):
            fetched = Path(torch.hub.get_dir(), "checkpoints", Path(urllib.parse.urlparse(filename).path).name)
            try:
                return load_local(str(fetched), map_location)
            except InputError:
                raise InputError(
                    f"{filename}: what was fetched is no checkpoint; is there a proxy in between?"
                ) from None

    checkpoint = failure = None
    if get_local_rank() == 0:
        try:
            checkpoint = fetch()
        except InputError as error:
            failure = error
    barrier()  # reached by all, or the others would wait for it
    if failure is not None:
        raise failure
    return fetch() if checkpoint is None else checkpoint


def refuse_scheme(filename: str, map_location: Any = None) -> NoReturn:
    """Refuse the schemes that MMEngine loads by its own ways, which may execute what a file holds.

    Raises:
        InputError: always.
    """
    raise InputError(f"{filename}: give the URL or the path of the file itself, or use --from-scratch")


def use_safe_loaders() -> None:
    """Have MMEngine load local files and URLs through this module."""
    CheckpointLoader.register_scheme("", load_local, force=True)
    CheckpointLoader.register_scheme(("http://", "https://"), load_url, force=True)
    CheckpointLoader.register_scheme(OTHER_SCHEMES, refuse_scheme, force=True)


def latest_checkpoint(work_dir: Path) -> Path | None:
    """The newest `epoch_N.pth` or `iter_N.pth` of a work dir, or None.

    Files are written whole, so the last one written is good whatever the run was doing when it ended. One of a larger
    number may be there from an earlier run.
    """
    written = [path for path in work_dir.glob("*.pth") if re.fullmatch(r"(epoch|iter)_\d+", path.stem)]
    return max(written, key=lambda path: path.stat().st_mtime_ns, default=None)


def trained_classes(checkpoint: dict[str, Any]) -> tuple[str, ...] | None:
    """The classes a checkpoint was trained on, in label order, if it says so."""
    meta = checkpoint.get("meta") or {}
    classes = (meta.get("dataset_meta") or {}).get("classes")
    return None if classes is None else tuple(classes)


def load_weights(model: torch.nn.Module, checkpoint: dict[str, Any], path: str) -> None:
    """Load a checkpoint's weights into a model that is the one they were trained in.

    A module that takes other names, or does without what only training needs, does so here too.

    Raises:
        InputError: naming the first parameter of another shape, that is missing, or that the model has not.
    """
    weights = checkpoint.get("state_dict", checkpoint)
    try:
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        fault = str(error).splitlines()[1].strip().rstrip(".")
        raise InputError(f"{path}: {fault}; is it of another config or class count?") from error
    if missing:
        raise InputError(f"{path}: has no {missing[0]}; is it of another config or class count?")
    if unexpected:
        raise InputError(f"{path}: has {unexpected[0]}, which the config's model has not; is it of another config?")
