"""What a config's chain looks like, as text."""

from collections.abc import Iterator
from typing import Any

from mmdet_trash.engine.lint.chain import Chain, ConfigFile
from mmdet_trash.engine.lint.places import Place, Traced, shown
from mmdet_trash.engine.runner import nearest
from mmdet_trash.errors import InputError


def tree_lines(file: ConfigFile, depth: int = 0) -> Iterator[str]:
    """A config's file and, further in, the files below it."""
    yield "    " * depth + shown(file.path)
    for base in file.bases:
        yield from tree_lines(base, depth + 1)


def value_lines(chain: Chain, key: str = "") -> Iterator[str]:
    """Each value under a key, with the place that set it and those of other files that it took the place of.

    Args:
        chain: a config.
        key: as in `--cfg-options`; everything without.

    Raises:
        InputError: when the config has no such key.
    """
    node, place = chain.cfg, Place(chain.file.path, 1)
    for step in key.split(".") if key else ():
        if isinstance(node, Traced) and step in node:
            node, place = node[step], node.places.get(step, place)
        elif isinstance(node, (list, tuple)) and step.isdigit() and int(step) < len(node):
            node = node[int(step)]
        else:
            near = nearest(step, map(str, node)) if isinstance(node, Traced) else None
            hint = f"; {near!r} is the nearest there is" if near else ""
            raise InputError(f"--chain {key}: {shown(chain.file.path)} has no {step!r}{hint}")
    for name, value, where in _leaves(node, place, key):
        over = dict.fromkeys(str(each) for each in where.over if each.file != where.file)
        yield f"{name} = {value!r}  # {where}" + (f", over {', '.join(over)}" if over else "")


def _leaves(node: Any, place: Place, path: str) -> Iterator[tuple[str, Any, Place]]:
    """Every value that holds no dict, with its key and its place."""
    if isinstance(node, Traced) and node:
        for key, value in node.items():
            own = node.places.get(key, place)
            if own.file == place.file and not own.over:
                own = Place(own.file, own.line, place.over)  # written with the whole dict, over another
            yield from _leaves(value, own, f"{path}.{key}" if path else str(key))
    elif isinstance(node, (list, tuple)) and any(isinstance(item, (dict, list, tuple)) for item in node):
        for index, item in enumerate(node):
            yield from _leaves(item, place, f"{path}.{index}")
    else:
        yield path, node, place
