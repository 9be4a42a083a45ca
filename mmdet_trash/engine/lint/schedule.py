"""Schedules that do not fit the length of the training."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from mmdet_trash.engine.lint.finding import Finding, Steps, number, walk
from mmdet_trash.engine.lint.subject import Subject

FOREVER = 10**9
"""MMEngine's end of a scheduler without one."""
FALLING = ("CosineAnnealing", "Poly")
"""Schedulers that fall over their whole length to a minimum."""


class Length(NamedTuple):
    """How long a config trains.

    Attributes:
        steps: epochs or iterations.
        unit: `"epochs"` or `"iterations"`.
        key: the key of `train_cfg` that says so.
    """

    steps: int
    unit: str
    key: str


class Scheduler(NamedTuple):
    """One item of `param_scheduler`, in the unit it counts in.

    Attributes:
        path: where it stands in the config.
        kind: its type without scope and without what it schedules, `"MultiStep"` say.
        of: what it schedules, `"LR"` say.
        node: its dict.
        begin: when it starts.
        end: when it stops.
    """

    path: Steps
    kind: str
    of: str
    node: dict
    begin: float
    end: float


def check_schedule(subject: Subject) -> Iterator[Finding]:
    """Steps of a schedule that never come, falls that end too early or too late, and hooks that wait too long."""
    length = _length(subject.cfg.get("train_cfg"))
    if length is None:
        return
    schedulers = _schedulers(subject)
    for each in schedulers:
        if each.node.get("by_epoch", True) == (length.unit == "epochs"):
            yield from _never(subject, each, length)
            yield from _fall(subject, each, length, schedulers)
        elif length.unit == "iterations":
            what = f"{each.node['type']} counts epochs, of which a training by iterations has none"
            yield subject.finding(each.path, what, "by_epoch=False, with its numbers in iterations, is right")
    for path, node in walk(subject.cfg.get("default_hooks"), ("default_hooks",)):
        if node.get("type") == "AugmentationHook" and number(node, "close", 0) >= length.steps:
            what = f"close is {node['close']}, and {length.key} {length.steps}: no image is ever mixed"
            yield subject.finding((*path, "close"), what, f"below {length.steps} is right")
    interval = number(subject.cfg.train_cfg, "val_interval", 1)
    if subject.cfg.get("val_dataloader") and length.unit == "epochs" and interval > length.steps:
        what = f"val_interval is {interval}, and {length.key} {length.steps}: the last epoch alone is validated"
        yield subject.finding(("train_cfg", "val_interval"), what, f"{length.steps} or less is right")


def _length(train_cfg: Any) -> Length | None:
    if not isinstance(train_cfg, dict):
        return None
    for key, unit in (("max_epochs", "epochs"), ("max_iters", "iterations")):
        if isinstance(train_cfg.get(key), int):
            return Length(train_cfg[key], unit, key)
    return None


def _schedulers(subject: Subject) -> list[Scheduler]:
    found = []
    for path, node in walk(subject.cfg.get("param_scheduler"), ("param_scheduler",)):
        if "type" not in node:
            continue  # of several optimizers, each with its own
        name = str(node["type"]).rpartition(".")[2]
        of = next((of for of in ("LR", "Momentum", "ParamScheduler") if name.endswith(of)), "")
        begin, end = number(node, "begin", 0), number(node, "end", FOREVER)
        found.append(Scheduler(path, name.removesuffix(of), of, node, begin, end))
    return found


def _never(subject: Subject, each: Scheduler, length: Length) -> Iterator[Finding]:
    """A scheduler, or steps of it, after the end of the training."""
    node, steps = each.node, length.steps
    if each.begin >= steps:
        what = f"{node['type']} begins at {each.begin}, and {length.key} is {steps}"
        yield subject.finding((*each.path, "begin"), what, f"below {steps} is right")
    elif each.kind == "MultiStep" and isinstance(node.get("milestones"), (list, tuple)):
        # They count from its begin; the step at its end is not taken.
        last = min(each.end, steps)
        late = [step for step in node["milestones"] if isinstance(step, (int, float)) and each.begin + step >= last]
        if late:
            limit = f"{length.key} is {steps}" if last == steps else f"its end is {last}"
            what = f"of the milestones {node['milestones']} it never gets to {' and '.join(map(str, late))}: {limit}"
            yield subject.finding((*each.path, "milestones"), what, f"below {last - each.begin} is right")
    elif each.kind == "Linear" and steps < each.end < FOREVER:
        what = f"{node['type']} ends at {each.end}, and {length.key} is {steps}: it is cut off"
        yield subject.finding((*each.path, "end"), what, f"{steps} or less is right")


def _fall(subject: Subject, each: Scheduler, length: Length, schedulers: list[Scheduler]) -> Iterator[Finding]:
    """A fall that does not reach its minimum at the end of the training."""
    steps, node = length.steps, each.node
    if each.kind not in FALLING or each.begin >= steps:
        return
    # One step is a matter of counting.
    slack = max(1, steps // 100)
    long = number(node, "T_max", 0) if each.kind == "CosineAnnealing" else 0
    lowest = each.begin + long if long else each.end
    key = "T_max" if long else "end"
    right = f"T_max={steps - each.begin} and end={steps} are right" if long else f"end={steps} is right"
    if lowest + slack < min(each.end, steps):
        what = f"{node['type']} is at its lowest at {lowest} and rises again until {min(each.end, steps)}"
        yield subject.finding((*each.path, key), what, right)
    elif lowest > steps + slack and lowest < FOREVER:
        what = f"{node['type']} is at its lowest at {lowest}, and {length.key} is {steps}: its end is cut off"
        yield subject.finding((*each.path, key), what, right)
    elif each.end + slack < steps and not any(_goes_on(other, each) for other in schedulers):
        what = f"{node['type']} ends at {each.end}, and {length.key} is {steps}: the rest is trained at the minimum"
        yield subject.finding((*each.path, "end"), what, right)


def _goes_on(other: Scheduler, each: Scheduler) -> bool:
    """Whether another scheduler follows one."""
    unit = other.node.get("by_epoch", True) == each.node.get("by_epoch", True)
    return unit and other.of == each.of and math.isclose(other.begin, each.end, abs_tol=1) and other.end > each.end
