"""Types that no registry has, and arguments that a type does not take."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from mmcv import ops
from mmengine.registry import Registry

from mmdet_trash import registry
from mmdet_trash.engine.lint.chain import DELETE
from mmdet_trash.engine.lint.finding import Finding, Steps, walk
from mmdet_trash.engine.lint.signatures import accepted
from mmdet_trash.engine.lint.subject import Subject
from mmdet_trash.engine.runner import known_types, nearest, nms_fault

MODEL = (registry.MODELS, registry.TASK_UTILS)
DATA = (registry.DATASETS, registry.TRANSFORMS, registry.DATA_SAMPLERS, registry.FUNCTIONS)
METRIC = (registry.METRICS, registry.EVALUATOR, registry.TASK_UTILS)
HOOK = (registry.HOOKS, registry.TRANSFORMS)
REGISTRIES: dict[str, tuple[Registry, ...]] = {
    "model": MODEL,
    "tta_model": MODEL,
    "train_dataloader": DATA,
    "val_dataloader": DATA,
    "test_dataloader": DATA,
    "tta_pipeline": (registry.TRANSFORMS,),
    "train_cfg": (registry.LOOPS,),
    "val_cfg": (registry.LOOPS,),
    "test_cfg": (registry.LOOPS,),
    "val_evaluator": METRIC,
    "test_evaluator": METRIC,
    "optim_wrapper": (registry.OPTIM_WRAPPERS, registry.OPTIMIZERS),
    "param_scheduler": (registry.PARAM_SCHEDULERS,),
    "default_hooks": HOOK,
    "custom_hooks": HOOK,
    "visualizer": (registry.VISUALIZERS, registry.VISBACKENDS),
    "log_processor": (registry.LOG_PROCESSORS,),
}
"""Where the types in each part of a config that is built are looked up."""
BUILDERS_OWN = {
    "optim_wrapper": {"constructor", "paramwise_cfg"},
    "param_scheduler": {"convert_to_iter_based"},
    "custom_hooks": {"priority"},
    "default_hooks": {"priority"},
    "init_cfg": {"override"},
    "override": {"name"},
    "norm_cfg": {"requires_grad"},
    "loss_cls": {"bg_cls_weight"},
}
"""Arguments that are taken out before the type gets the rest, by a part of the config or a key."""
INITIAL = {"init_cfg", "override"}
"""Keys of initial weights."""
SUPPRESSIONS = {"nms", "dqs_cfg"}
"""Keys whose types are mmcv's functions."""
TAKEN_APART = {"conv_cfg", "upsample_cfg", "dcn"}
"""Keys whose dicts are taken apart by what holds them."""
NARROWER = {"mmdet", "mmengine"}
"""Scopes that do not know this package's types; of a user's own scope nothing is known."""
NOT_LOOKED_UP = ("adapt_cfg", "_trans")
"""Ends of keys whose types are words that what holds them knows."""


def check_types(subject: Subject) -> Iterator[Finding]:
    """Types that are unknown, need this package's scope, or are given arguments that they do not take."""
    unscoped = False
    for part, path, node in _typed(subject):
        key, name, place = _key(path), node.get("type"), (*path, "type")
        if key in SUPPRESSIONS:
            if fault := nms_fault(node):
                yield subject.finding(place, *fault.split("; ", 1))
            continue
        registries = (registry.WEIGHT_INITIALIZERS,) if key in INITIAL else REGISTRIES[part]
        kind = _found(name, key, registries, _scope(subject))
        if kind is not None:
            yield from _arguments(subject, path, kind, _own(part, path) | {"type", "_scope_"})
        elif (other := _found(name, key, registries, registry.SCOPE)) is None:
            yield subject.finding(place, *_unknown(name, registries))
        elif not unscoped and _scope(subject) in NARROWER:
            unscoped = True
            what = f"type {name!r} is of {other.__module__.partition('.')[0]}, and default_scope is {_scope(subject)!r}"
            right = f"default_scope = {registry.SCOPE!r}, as in configs/_base_/default_runtime.py, is right"
            yield subject.finding(place, what, right)


def type_of(subject: Subject, node: Any) -> Callable[..., Any] | None:
    """The class that a dict of the model names, if there is one."""
    name = node.get("type") if isinstance(node, dict) else None
    return _found(name, "", MODEL, _scope(subject)) if isinstance(name, str) else name


def _typed(subject: Subject) -> Iterator[tuple[str, Steps, dict]]:
    """Every dict with a type of the parts that are built, with the part and its path."""
    for part in REGISTRIES:
        others: list[Steps] = []
        for path, node in walk(subject.cfg.get(part), (part,)):
            if node.get("type") == "Albu":  # whose transforms are another library's
                others.append((*path, "transforms"))
                others.append((*path, "bbox_params"))
            if not isinstance(node.get("type"), str) or _key(path).endswith(NOT_LOOKED_UP):
                continue
            if not any(path[: len(other)] == other for other in others):
                yield part, path, node


def _key(path: Steps) -> str:
    """The key that a dict, or the list it is in, stands under."""
    return next(step for step in reversed(path) if isinstance(step, str))


def _scope(subject: Subject) -> str:
    """Where MMEngine looks first; a file that is only a part of a config is taken as ours."""
    whole = {"model", "train_dataloader"} <= subject.cfg.keys()
    return subject.cfg.get("default_scope", "mmengine" if whole else registry.SCOPE)


def _found(name: str, key: str, registries: tuple[Registry, ...], scope: str) -> Callable[..., Any] | None:
    if key == "roi_layer" and hasattr(ops, name):
        return getattr(ops, name)
    for each in registries:
        while each.scope != scope and each.parent is not None:
            each = each.parent
        try:
            if (kind := each.get(name)) is not None:
                return kind
        except RuntimeError:  # how some versions of MMEngine say that there is none
            continue
    return None


def _unknown(name: str, registries: tuple[Registry, ...]) -> tuple[str, str]:
    package, _, _ = name.rpartition(".")
    if package and find_spec(package.partition(".")[0]) is None:
        return f"type {name!r} is of {package}, which is not installed", f"installing {package} is right"
    known = [known for each in registries for known in known_types(each)]
    return f"type {name!r} is unknown", f"{nearest(name, known)!r} is the nearest there is"


def _own(part: str, path: Steps) -> set[str]:
    """What of a dict is the builder's own, in a part's outermost dicts or under a key."""
    outermost = sum(isinstance(step, str) for step in path) == (2 if part == "default_hooks" else 1)
    return BUILDERS_OWN.get(part if outermost else _key(path), set())


def _arguments(subject: Subject, path: Steps, kind: Callable[..., Any], own: set[str]) -> Iterator[Finding]:
    taken, node = accepted(kind), subject.at(path)
    if taken is None or path[-1] in TAKEN_APART:
        return
    name = getattr(kind, "__name__", str(kind))
    unknown = [key for key in node if key not in taken and key not in own]
    stayed = [key for key in unknown if _stayed(subject, path, key)]
    if stayed:
        places = sorted({str(subject.chain.place((*path, key))) for key in stayed})
        what = f"{' and '.join(map(repr, stayed))} of {', '.join(places)} stay, and {name} does not take them"
        if len(stayed) == 1:
            what = f"{stayed[0]!r} of {places[0]} stays, and {name} does not take it"
        yield subject.finding((*path, "type"), what, f"{DELETE}=True beside the type drops what is inherited")
    for key in unknown:
        if key == DELETE:
            what = f"{DELETE} is handed to {name}: no base has this dict, or it is an item of a list"
            yield subject.finding((*path, key), what, "it is left out where there is nothing to delete")
        elif key not in stayed:
            near = nearest(key, taken)
            right = f"{near!r} is the nearest that it takes" if near else "it takes none"
            yield subject.finding((*path, key), f"{name} takes no argument {key!r}", right)


def _stayed(subject: Subject, path: Steps, key: str) -> bool:
    """Whether a key was written before the dict's type took the place of another."""
    kind = subject.chain.place((*path, "type"))
    return bool(kind.over) and subject.chain.age(subject.chain.place((*path, key))) < subject.chain.age(kind)
