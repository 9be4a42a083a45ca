"""Short names for files and folders."""

from collections.abc import Sequence
from pathlib import Path


def short_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The last part of each path, and before it as many of its folders as tell them all apart."""
    for count in range(1, max((len(path.parts) for path in paths), default=0)):
        names = tuple("/".join(path.parts[-count:]) for path in paths)
        if len(set(names)) == len(names):
            return names
    return tuple(map(str, paths))
