"""MMEngine's runner, with a config's mistakes told in one line."""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner

import mmdet_trash.registry as registry_module
from mmdet_trash.engine.checkpoint import use_safe_loaders
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write

UNKNOWN_TYPE = re.compile(r"(\S+) is not in the \S+?::(.+?) registry|Cannot find (\S+) in registry")
UNKNOWN_ARGUMENT = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")


def build_runner(cfg: Config) -> Runner:
    """Build MMEngine's runner; checkpoints load without executing anything.

    Raises:
        InputError: when the work dir cannot be written or a `type` of the config is unknown.
    """
    use_safe_loaders()
    with atomic_write(Path(cfg.work_dir) / ".writable"):
        pass
    (Path(cfg.work_dir) / ".writable").unlink()
    with config_mistakes():
        return Runner.from_cfg(cfg)


@contextmanager
def config_mistakes() -> Iterator[None]:
    """Turn a look-up of an unknown `type`, or an argument that a type does not take, into an `InputError`."""
    try:
        yield
    except KeyError as error:
        found = UNKNOWN_TYPE.search(str(error.args[0]) if error.args else "")
        if found is None:
            raise
        name, kind = found[1] or found[3], found[2] or "model"
        known = _registered(kind)
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"config: {kind} type {name!r} is unknown{hint}") from error
    except TypeError as error:
        found = UNKNOWN_ARGUMENT.search(str(error))
        if found is None:
            raise
        raise InputError(f"config: {found[1]} takes no argument {found[2]!r}") from error


def _registered(kind: str) -> list[str]:
    """Names in the registry of a kind and its parents."""
    names: list[str] = []
    for registry in vars(registry_module).values():
        if isinstance(registry, Registry) and registry.name == kind:
            while registry is not None:
                names += registry.module_dict
                registry = registry.parent
    return names
