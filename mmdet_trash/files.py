"""Files that are either whole or not there."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml
from filelock import FileLock, Timeout

from mmdet_trash.errors import InputError

LEAVING = 20.0
"""Seconds that a process, or a data loader's worker that outlives it a little, is given to leave a folder."""


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file beside `path` that takes its name when the block ends well, and vanishes when it does not.

    Args:
        path: the file to write; its folder is made.
        mode: `"w"` (UTF-8 text, newlines as given) or `"wb"`.

    Raises:
        OSError: naming `path`, when the folder cannot be written or the disk is full.
    """
    path = Path(path)
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, f"cannot write here: {error.strerror}", str(path)) from error
    scratch = Path(name)
    try:
        with os.fdopen(handle, mode, **text) as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        scratch.chmod(0o666 & ~umask)
        scratch.replace(path)
    except BaseException as error:
        scratch.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, name):
            raise OSError(error.errno, f"cannot write: {error.strerror}; nothing was changed", str(path)) from error
        raise


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check, before long work, that a file can be written; nothing is left behind.

    Raises:
        OSError: naming `path`, when its folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OSError(error.errno, f"cannot write here: {error.strerror}", str(path)) from error


def check_no_input(out: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse to write over a file that is read, by a link too.

    Raises:
        InputError: when `out` is one of the inputs.
    """
    for path in inputs:
        if Path(out).resolve() == Path(path).resolve():
            raise InputError(f"{out}: is the input {path}, a new file is right")


@contextmanager
def alone(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes from a folder that is worked in. The lock goes with the process, however it ends.

    Args:
        folder: made if missing.

    Raises:
        InputError: when another process is there and does not leave it, as one that is being killed does.
    """
    path = Path(folder) / ".lock"
    check_writable(path)
    try:
        with FileLock(path, timeout=LEAVING):
            yield
    except Timeout:
        raise InputError(f"{folder}: another process is at work there; wait for it, or take another folder") from None


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file.

    Raises:
        InputError: when it is missing, is not UTF-8 or is not whole, saying where.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, a JSON file is expected") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start}; is it a JSON file?") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not whole JSON: {error.msg} at line {error.lineno} column {error.colno}; is the file cut short?"
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists thousands deep
        raise InputError(f"{path}: cannot be read as JSON: {error}") from None


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML file; nothing in it is executed.

    Raises:
        InputError: when it is missing, is not UTF-8 or is no YAML.
    """
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
