"""Values that are written twice, so that the first is lost."""

import ast
from collections.abc import Iterator

from mmdet_trash.engine.lint.chain import ConfigFile
from mmdet_trash.engine.lint.finding import Finding
from mmdet_trash.engine.lint.places import Place


def check_repeats(file: ConfigFile) -> Iterator[Finding]:
    """Keys that stand twice in one dict, and names that are assigned again before anything has read them."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Dict):
            yield from _repeated_keys(node, file.path)
    yield from _lost_names(file.tree, file.path)


def _repeated_keys(node: ast.Dict, path: str) -> Iterator[Finding]:
    lines: dict[object, int] = {}
    for key in node.keys:
        if isinstance(key, ast.Constant):
            if key.value in lines:
                what = f"{key.value!r} stands in this dict at line {lines[key.value]} already, whose value is lost"
                yield Finding(Place(path, key.lineno), what, "one of the two is right")
            lines[key.value] = key.lineno


def _lost_names(tree: ast.Module, path: str) -> Iterator[Finding]:
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    any_time = {name for function in functions for name in _names(function, ast.Load)}
    unread: dict[str, int] = {}
    for statement in tree.body:
        for name in _names(statement, ast.Load):
            unread.pop(name, None)
        simple = isinstance(statement, ast.Assign) and all(isinstance(each, ast.Name) for each in statement.targets)
        for name in _names(statement, ast.Store, ast.Del):
            if simple and name in unread:
                what = f"{name} is assigned at line {unread[name]} already, and nothing reads that value"
                yield Finding(Place(path, statement.lineno), what, "one assignment with all of it is right")
            unread.pop(name, None)
            if simple and name not in any_time:
                unread[name] = statement.lineno


def _names(node: ast.AST, *contexts: type[ast.expr_context]) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, contexts)}
