"""MMEngine's runner, with a config's mistakes told in one line."""

import difflib
import inspect
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings

import mmdet_trash.registry as registry_module
from mmdet_trash.datasets.transforms import attach
from mmdet_trash.engine.checkpoint import use_safe_loaders
from mmdet_trash.engine.config import walk
from mmdet_trash.errors import InputError
from mmdet_trash.files import check_writable
from mmdet_trash.models.layers.nms import NMS_TYPES

STARTED_BY = {
    "pytorch": ("RANK", "torchrun --nproc_per_node GPUS"),
    "slurm": ("SLURM_PROCID", "srun --ntasks GPUS python"),
    "mpi": ("OMPI_COMM_WORLD_RANK", "mpirun -n GPUS python"),
}
"""What each launcher sets in a process's environment, and how it is started."""
UNKNOWN_TYPE = re.compile(r"(\S+) is not in the \S+?::(.+?) registry|Cannot find (\S+) in registry")
UNKNOWN_ARGUMENT = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")


def build_runner(cfg: Config) -> Runner:
    """Build MMEngine's runner; checkpoints load without executing anything.

    Raises:
        InputError: when the work dir cannot be written, or a `type` of the config is unknown or takes no such argument.
    """
    use_safe_loaders()
    check_writable(Path(cfg.work_dir) / "checkpoint")
    optimizer = cfg.get("optim_wrapper", {}).get("optimizer", {}).get("type")
    if isinstance(optimizer, str) and registry_module.OPTIMIZERS.get(optimizer) is None:
        # MMEngine looks this one up itself and stumbles over finding none.
        raise _unknown_type("optimizer", optimizer)
    check_nms(cfg)
    launcher = cfg.get("launcher", "none")
    if launcher in STARTED_BY and STARTED_BY[launcher][0] not in os.environ:
        variable, command = STARTED_BY[launcher]
        raise InputError(f"--launcher {launcher}: {variable} is not set; start it with: {command} tools/train.py …")
    if launcher == "pytorch" and not torch.cuda.is_available():
        # MMEngine's own start of several processes takes a GPU for granted.
        torch.distributed.init_process_group("gloo")
    with config_mistakes():
        return Runner.from_cfg(cfg)


def build_train_dataset(cfg: Config) -> Any:
    """Build the training data alone, with its mixing transforms attached.

    Raises:
        InputError: as :func:`build_runner`.
    """
    import_modules_from_strings(**cfg.get("custom_imports", {"imports": []}))
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope", registry_module.SCOPE)), config_mistakes():
        dataset = registry_module.DATASETS.build(cfg.train_dataloader.dataset)
    attach(dataset)
    return dataset


def build_model(cfg: Config) -> torch.nn.Module:
    """Build the model alone, its weights as they happen to be.

    Raises:
        InputError: as :func:`build_runner`.
    """
    import_modules_from_strings(**cfg.get("custom_imports", {"imports": []}))
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope", registry_module.SCOPE)), config_mistakes():
        return registry_module.MODELS.build(cfg.model)


@contextmanager
def config_mistakes() -> Iterator[None]:
    """Turn a look-up of an unknown `type`, or an argument that a type does not take, into an `InputError`."""
    try:
        yield
    except KeyError as error:
        found = UNKNOWN_TYPE.search(str(error.args[0]) if error.args else "")
        if found is None:
            raise
        raise _unknown_type(found[2] or "model", found[1] or found[3]) from error
    except TypeError as error:
        found = UNKNOWN_ARGUMENT.search(str(error))
        if found is None:
            raise
        raise InputError(f"config: {found[1]} takes no argument {found[2]!r}") from error


def check_nms(cfg: Config) -> None:
    """Refuse what mmcv would stumble over at the first prediction.

    Raises:
        InputError: for an unknown type of suppression, or a missing or unknown argument of one.
    """
    for node in walk(cfg.to_dict()):
        if isinstance(node.get("nms"), dict) and (fault := nms_fault(node["nms"])):
            raise InputError(f"config: {fault}")


def nms_fault(nms: dict) -> str | None:
    """What is wrong with a config's suppression, as mmcv would call it: its type or an argument; None if nothing."""
    name = nms.get("type", "nms")
    if not isinstance(name, str):
        return None
    # mmcv takes these for itself, and knows its own threshold by an older name too.
    options = {key: value for key, value in nms.items() if key not in ("type", "class_agnostic", "split_thr")}
    if name not in NMS_TYPES:
        return _unknown("nms", name, NMS_TYPES)
    if name in ("nms", "soft_nms") and "iou_thr" in options:
        options["iou_threshold"] = options.pop("iou_thr")
    try:
        inspect.signature(NMS_TYPES[name]).bind("boxes", "scores", **options)
    except TypeError as error:
        return f"nms type {name!r} {error}; _delete_=True drops what is inherited"
    return None


def known_types(registry: Registry | None) -> list[str]:
    """The names in a registry and its parents."""
    known: list[str] = []
    while registry is not None:
        known += registry.module_dict
        registry = registry.parent
    return known


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a given one; None when none is known."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)), None)


def _unknown_type(kind: str, name: str) -> InputError:
    """Name the nearest of the types in the registry of a kind and its parents."""
    registries = [value for value in vars(registry_module).values() if isinstance(value, Registry)]
    known = [known for registry in registries if registry.name == kind for known in known_types(registry)]
    return InputError(f"config: {_unknown(kind, name, known)}")


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    hint = f"; did you mean {close!r}?" if close else ""
    return f"{kind} type {name!r} is unknown{hint}"
