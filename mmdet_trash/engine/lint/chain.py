"""A config's chain of `_base_` files, merged as MMEngine does, with the place of every value."""

import ast
import difflib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.utils import RemoveAssignFromAST

from mmdet_trash.engine.lint.finding import Finding, Steps
from mmdet_trash.engine.lint.places import Place, Traced, copied, run
from mmdet_trash.errors import InputError

BASE, DELETE = "_base_", "_delete_"
OPTIONS = "--cfg-options"
QUOTED = re.compile(r"""^[^#]*(['"])\{\{\s*_base_\.([\w.]+)\s*\}\}\1""")


class Refused(Exception):
    """What MMEngine would stumble over, and the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class ConfigFile:
    """One file of a chain.

    Attributes:
        path: its whole path.
        tree: its code.
        bases: the files that its `_base_` names.
        values: what it and its bases say, merged.
    """

    path: str
    tree: ast.Module
    bases: tuple["ConfigFile", ...]
    values: Traced

    def chain(self) -> list["ConfigFile"]:
        """It and every file below it, bases first, each once."""
        files: dict[str, ConfigFile] = {}
        for base in self.bases:
            files.update((file.path, file) for file in base.chain())
        return [*files.values(), self]


class Chain:
    """A config with its chain.

    Args:
        file: the config's own file.
        options: what `--cfg-options` says, by key.
    """

    def __init__(self, file: ConfigFile, options: dict[str, Any] | None = None) -> None:
        self.file = file
        self.cfg = copied(file.values)
        for key, value in (options or {}).items():
            *outer, last = key.split(".")
            place = Place(OPTIONS, 0)
            option = Traced()
            option.put(last, copied(value), place)
            for name in reversed(outer):
                wrapped = Traced()
                wrapped.put(name, option, place)
                option = wrapped
            self.cfg = merge(option, self.cfg, into_lists=True)

    def place(self, path: Steps) -> Place:
        """Where the value of a path was written, or else what encloses it."""
        place, node = Place(self.file.path, 1), self.cfg
        for step in path:
            if isinstance(node, Traced):
                place = node.places.get(step, place)
            try:
                node = node[step]
            except (KeyError, IndexError):
                break
        return place

    def age(self, place: Place) -> int:
        """How late in the chain a place's file is merged."""
        return {file.path: age for age, file in enumerate(self.file.chain())}.get(place.file, len(self.file.chain()))


class Loader:
    """Reads config files, each once."""

    def __init__(self) -> None:
        self._files: dict[str, ConfigFile] = {}

    def load(self, path: str) -> ConfigFile:
        """Read a config and its bases.

        Raises:
            InputError: when it is no config with `_base_` in Python.
            Refused: when its bases share a name, or it refers to what they lack.
            Exception: whatever else a config does when it is run.
        """
        path = str(Path(path).expanduser().resolve())
        if path not in self._files:
            self._files[path] = self._read(path)
        return self._files[path]

    def _read(self, path: str) -> ConfigFile:
        if not path.endswith(".py") or Config._is_lazy_import(path):
            raise InputError(f"{path}: is not looked into; a config in Python with _base_, not read_base(), is right")
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        _check_quotes(path, lines)
        text, variables, names = _plain(path)
        bases = tuple(self.load(Config._get_cfg_path(name, path)[0]) for name in names)
        tree = ast.parse(text, path)
        below = _joined(path, tree, bases)
        for name in variables.values():
            line = next((number for number, line in enumerate(lines, 1) if f"_base_.{name}" in line), 1)
            _check_path(Place(path, line), name.split("."), below)
        try:
            own = run(RemoveAssignFromAST(BASE).visit(ast.parse(text, path)), path, {BASE: below})
        except (AttributeError, KeyError):
            _check_references(path, tree, below)
            raise
        own = copied(Config._substitute_base_vars(own, variables, below))
        return ConfigFile(path, tree, bases, merge(own, below))


def merge(new: Traced, old: Any, into_lists: bool = False) -> Any:
    """Merge one dict over another as MMEngine does, neither changed.

    Args:
        new: what is merged.
        old: what it is merged over; with `into_lists` that may be a list, whose indexes are the keys of `new`.
        into_lists: whether numbers as keys are items of lists, as in `--cfg-options`.

    Raises:
        TypeError: when a dict meets something else.
    """
    merged = old.copy()
    for key, value in dict.items(new):
        place = new.places.get(key)
        if into_lists and isinstance(old, list) and key.isdigit():
            merged[int(key)] = merge(value, old[int(key)], True)
            continue
        before = old.places.get(key)
        if isinstance(value, dict) and key in old:
            value = value.copy()
            if not value.pop(DELETE, False):
                if not isinstance(old[key], (dict, list) if into_lists else dict):
                    raise TypeError(f"{key} is a dict over {type(old[key]).__name__}")
                merged.put(key, merge(value, old[key], into_lists), place or before)
                continue
        merged.put(key, value, place.after(before) if place else before)
    return merged


def _plain(path: str) -> tuple[str, dict[str, str], list[str]]:
    """A config's text without `{{…}}`, the names behind what stands for those of its bases, its bases' names."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = str(Path(folder) / Path(path).name)
        Config._substitute_predefined_vars(path, scratch)
        Config._substitute_env_variables(scratch, scratch)
        variables = Config._pre_substitute_base_vars(scratch, scratch)
        return Path(scratch).read_text(encoding="utf-8"), variables, Config._get_base_files(scratch)


def _joined(path: str, tree: ast.Module, bases: tuple[ConfigFile, ...]) -> Traced:
    """What the bases of a file say together."""
    joined = Traced()
    stating = (node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == BASE)
    line = next((node.lineno for node in stating), 1)
    for base in bases:
        for key, value in dict.items(copied(base.values)):
            place = base.values.places[key]
            if key in joined:
                what = f"{joined.places[key]} and {place} both define {key!r}, and no two files in _base_ may"
                right = "one of them, or one as the base of the other, is right"
                raise Refused(Finding(Place(path, line), what, right))
            joined.put(key, value, place)
    return joined


def _check_quotes(path: str, lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        if found := QUOTED.match(line):
            what = f"{{{{_base_.{found[2]}}}}} in quotes is not replaced"
            raise Refused(Finding(Place(path, number), what, f"_base_.{found[2]} without quotes is right"))


def _check_references(path: str, tree: ast.Module, below: Traced) -> None:
    """Name the first `_base_.…` of a file that its bases lack."""
    for node in ast.walk(tree):
        steps: list[Any] = []
        inner: Any = node
        while isinstance(inner, (ast.Attribute, ast.Subscript)):
            if isinstance(inner, ast.Attribute):
                steps.append(inner.attr)
            elif isinstance(inner.slice, ast.Constant):
                steps.append(inner.slice.value)
            else:
                steps = []
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id == BASE:
            _check_path(Place(path, node.lineno), steps[::-1], below)


def _check_path(place: Place, steps: list[Any], node: Any) -> None:
    for position, step in enumerate(steps):
        if isinstance(node, dict) and isinstance(step, str):
            if step not in node and not hasattr(dict, step):
                name = ".".join(map(str, [BASE, *steps[: position + 1]]))
                near = difflib.get_close_matches(step, [str(key) for key in node], n=1, cutoff=0.0)
                right = f"{near[0]!r} is the nearest there is" if near else "there is nothing of that kind in its bases"
                raise Refused(Finding(place, f"{name} is in none of the files that _base_ names", right))
            node = node.get(step)
        elif isinstance(node, (list, tuple)) and isinstance(step, int) and -len(node) <= step < len(node):
            node = node[step]
        else:
            return
