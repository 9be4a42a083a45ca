"""Dicts of a config that know which line wrote each of their keys."""

import ast
import copy
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import FunctionType, ModuleType
from typing import Any

from mmengine.config import ConfigDict

TRACED = "__traced__"
"""What a dict of a config file is built by, in place of `dict(…)` and `{…}`."""
Part = tuple[dict[str, int] | None, int, Any]
"""Of a dict: the lines of its keys, the line for a key without, the keys and values; no lines for another dict."""


@dataclass(frozen=True)
class Place:
    """Where a value of a config was written.

    Attributes:
        file: whole path of the file, or `--cfg-options`.
        line: its line, 0 for none.
        over: the places whose values it took the place of, the latest first.
    """

    file: str
    line: int
    over: tuple["Place", ...] = ()

    def __str__(self) -> str:
        return f"{shown(self.file)}:{self.line}" if self.line else self.file

    def after(self, other: "Place | None") -> "Place":
        """The same place, over what stood there before."""
        if other is None or (other.file, other.line) == (self.file, self.line):
            return self
        return replace(self, over=(replace(other, over=()), *other.over))


class WithPlaces:
    """Mixin for a dict: the `Place` of each key in `places`."""

    places: dict[str, Place]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        object.__setattr__(self, "places", {})
        super().__init__(*args, **kwargs)

    def put(self, key: str, value: Any, place: Place | None) -> None:
        """Set a key, and where it was written."""
        dict.__setitem__(self, key, value)
        if place is not None:
            self.places[key] = place

    def __setitem__(self, key: str, value: Any) -> None:
        place = _running_line()
        self.put(key, value, place and place.after(self.places.get(key)))

    def copy(self) -> "WithPlaces":
        return self._with(lambda value: value)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> "WithPlaces":
        return self._with(lambda value: copy.deepcopy(value, memo))

    def _with(self, change: Callable[[Any], Any]) -> "WithPlaces":
        other = type(self)()
        for key, value in dict.items(self):
            other.put(key, change(value), self.places.get(key))
        return other


class Written(WithPlaces, dict):
    """What a config file writes as `dict(…)` or `{…}`."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value


class Traced(WithPlaces, ConfigDict):
    """MMEngine's dict of a config, as which a file sees what its bases wrote."""

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value


def copied(value: Any) -> Any:
    """A copy of a config's value down to its leaves, every dict a `Traced`."""
    if isinstance(value, dict):
        other = Traced()
        places = value.places if isinstance(value, WithPlaces) else {}
        for key, item in dict.items(value):
            other.put(key, copied(item), places.get(key))
        return other
    if type(value) in (list, tuple):
        return type(value)(copied(item) for item in value)
    return value


def run(tree: ast.Module, file: str, names: dict[str, Any]) -> Written:
    """Run a config file's code.

    Args:
        tree: its code, which is changed.
        file: its path.
        names: what the code finds defined, such as `_base_`.

    Returns:
        The names that it defines.
    """
    lines = dict(_bindings(tree.body))
    code = compile(ast.fix_missing_locations(_TraceDicts().visit(tree)), file, "exec")
    space = {**names, TRACED: lambda *parts: _written(file, parts)}
    exec(code, space)
    result = Written()
    for name, value in space.items():
        if name not in names and not name.startswith("__") and not isinstance(value, (FunctionType, ModuleType)):
            result.put(name, value, Place(file, lines.get(name, 1)))
    return result


def shown(file: str) -> str:
    """A path as it is shown: from the working folder, if it lies in it."""
    near = os.path.relpath(file)
    return file if near.startswith("..") else near


def _written(file: str, parts: Iterable[Part]) -> Written:
    result = Written()
    for lines, line, values in parts:
        values = values if isinstance(values, dict) else dict(values)
        for key, value in dict.items(values):
            if lines is not None:
                place = Place(file, lines.get(key, line))
            else:
                place = values.places.get(key) if isinstance(values, WithPlaces) else Place(file, line)
            result.put(key, value, place and place.after(result.places.get(key)))
    return result


class _TraceDicts(ast.NodeTransformer):
    """Turns `dict(a, b=1)` and `{**a, "b": 1}` into calls of `TRACED` with the parts and their lines."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or starred:
            return node
        parts = [(None, argument) for argument in node.args]
        for keyword in node.keywords:
            parts.append((keyword.arg and ast.copy_location(ast.Constant(keyword.arg), keyword), keyword.value))
        return _call(parts, node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        return _call(list(zip(node.keys, node.values, strict=True)), node)


def _call(items: list[tuple[ast.expr | None, ast.expr]], node: ast.expr) -> ast.Call:
    """A call of `TRACED`, for keys and values; without a key the value is a dict to take over."""
    parts: list[ast.expr] = []
    for key, value in items:
        keys = [] if key is None else [key]
        known = [key for key in keys if isinstance(key, ast.Constant)]
        lines = ast.Dict(known, [ast.Constant(key.lineno) for key in known]) if keys else ast.Constant(None)
        content = ast.Dict(keys, [value]) if keys else value
        parts.append(ast.Tuple([lines, ast.Constant(node.lineno), content], ast.Load()))
    return ast.copy_location(ast.Call(ast.Name(TRACED, ast.Load()), parts, []), node)


def _bindings(body: list[ast.stmt]) -> Iterable[tuple[str, int]]:
    """Names that statements define, each with its line."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, node.lineno


def _running_line() -> Place | None:
    """The line of a config that is being run, if one is."""
    frame = sys._getframe(2)
    while frame is not None and TRACED not in frame.f_globals:
        frame = frame.f_back
    return frame and Place(frame.f_code.co_filename, frame.f_lineno)
