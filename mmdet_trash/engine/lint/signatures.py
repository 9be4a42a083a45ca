"""Which arguments a class takes, those that it hands on to its base among them."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def accepted(what: Callable[..., Any]) -> frozenset[str] | None:
    """The names of the arguments that a class or function takes; None if that cannot be told or it takes any.

    `**kwargs` are followed to the next class when all that `__init__` does with them is to read named ones and hand
    the rest to `super().__init__`.
    """
    names: set[str] = set()
    for function in _layers(what):
        try:
            own, rest = _names(function)
        except (TypeError, ValueError):  # compiled, without a signature
            return None
        names |= own
        read = _handed_on(function, rest) if rest else frozenset()
        if read is None:
            return None
        names |= read
        if rest is None:
            return frozenset(names - {"self"})
    return None


def _layers(what: Callable[..., Any]) -> list[Callable[..., Any]]:
    """A function alone, or the `__init__` of a class and of those it inherits from."""
    if not inspect.isclass(what):
        return [what]
    return [kind.__dict__["__init__"] for kind in what.__mro__ if "__init__" in kind.__dict__ and kind is not object]


def _names(function: Callable[..., Any]) -> tuple[frozenset[str], str | None]:
    """The named arguments of a function and the name of its `**kwargs`, None without."""
    parameters = inspect.signature(function).parameters.values()
    rest = next((each.name for each in parameters if each.kind is inspect.Parameter.VAR_KEYWORD), None)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(each.name for each in parameters if each.kind in named), rest


def _handed_on(init: Callable[..., Any], rest: str) -> frozenset[str] | None:
    """The names that an `__init__` itself reads of its `**kwargs`; None unless it hands the rest to its base."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init)))
    except (OSError, TypeError, SyntaxError):
        return None
    uses = sum(isinstance(node, ast.Name) and node.id == rest for node in ast.walk(tree))
    read: set[str] = set()
    handed = 0
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name("super"), args=[]), attr="__init__")):
                handed += sum(
                    keyword.arg is None and isinstance(keyword.value, ast.Name) and keyword.value.id == rest
                    for keyword in node.keywords
                )
            case ast.Call(func=ast.Attribute(value=ast.Name(name)), args=[ast.Constant(str(key)), *_]) if name == rest:
                read.add(key)
                uses -= 1
            case ast.Subscript(value=ast.Name(name), slice=ast.Constant(str(key))) if name == rest:
                read.add(key)
                uses -= 1
            case ast.Compare(left=ast.Constant(str(key)), comparators=[ast.Name(name)]) if name == rest:
                read.add(key)
                uses -= 1
    return frozenset(read) if handed == uses == 1 else None
