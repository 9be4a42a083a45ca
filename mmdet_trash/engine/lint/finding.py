"""What a check finds, and the dicts that it looks at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmdet_trash.engine.lint.places import Place

Steps = tuple[str | int, ...]
"""The keys and indexes that lead to a value of a config."""


@dataclass(frozen=True)
class Finding:
    """One fault of a config.

    Attributes:
        place: where the value stands that is at fault.
        what: what is wrong.
        right: what would be right.
    """

    place: Place
    what: str
    right: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.right}"


def walk(node: Any, path: Steps = ()) -> Iterator[tuple[Steps, dict]]:
    """Every dict of a nested config with its path."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from walk(value, (*path, index))


def number(node: dict, key: str, default: float) -> float:
    """A number of a config; the default where it has none, or something else."""
    value = node.get(key, default)
    return value if isinstance(value, (int, float)) else default
