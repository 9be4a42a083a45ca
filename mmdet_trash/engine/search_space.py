"""What a search tries: ranges and choices for fields of a config."""

import argparse
import difflib
import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mmdet_trash.errors import InputError
from mmdet_trash.files import read_yaml

KINDS = "float:LOW:HIGH, log:LOW:HIGH, int:LOW:HIGH or choice:A,B,…"


@dataclass(frozen=True)
class Parameter:
    """A field of the config and what is tried for it.

    Attributes:
        field: its name as in `--cfg-options`, items of lists by their index.
        text: what is tried, as it was written.
        distribution: the same for optuna.
        choices: of a choice, the value behind each text that optuna draws from.
    """

    field: str
    text: str
    distribution: BaseDistribution
    choices: dict[str, Any] = field(default_factory=dict)

    def value(self, drawn: Any) -> Any:
        """What the config gets for what optuna drew."""
        return self.choices[drawn] if self.choices else drawn

    def drawn(self, value: Any) -> Any:
        """What optuna has to draw for a value of the config.

        Raises:
            InputError: when the value is none of those that are tried.
        """
        for text, choice in self.choices.items():
            if type(choice) is type(value) and choice == value:
                return text
        kinds = (int,) if isinstance(self.distribution, IntDistribution) else (int, float)
        if not self.choices and type(value) in kinds and self.distribution.low <= value <= self.distribution.high:
            return kinds[-1](value)
        raise InputError(
            f"{self.field}: the config's own value {option_text(value)} is tried first and is not in {self.text}; "
            "widen that, or set another value by --cfg-options"
        )


def parse_parameter(name: str, text: str) -> Parameter:
    """Read `float:LOW:HIGH`, `log:LOW:HIGH`, `int:LOW:HIGH` or `choice:A,B,…`.

    The values of a choice are read as those of `--cfg-options`: `choice:(256,256),(320,320)` are two sizes.

    Raises:
        InputError: when it is none of them.
    """
    kind, _, rest = text.partition(":")
    if kind == "choice":
        choices = _choices(name, text, rest)
        return Parameter(name, text, CategoricalDistribution(tuple(choices)), choices)
    number = int if kind == "int" else float
    try:
        low, high = map(number, rest.split(":"))
    except ValueError:
        low = high = math.nan
    if kind not in ("float", "log", "int") or math.isnan(low):
        raise InputError(f"{name}={text}: {KINDS} is right")
    if not -math.inf < low < high < math.inf:
        raise InputError(f"{name}={text}: {rest} is no range, a low below a high is right")
    if kind == "log" and low <= 0:
        raise InputError(f"{name}={text}: a range on a log scale begins above 0")
    distribution = IntDistribution(low, high) if kind == "int" else FloatDistribution(low, high, log=kind == "log")
    return Parameter(name, text, distribution)


def _choices(name: str, text: str, rest: str) -> dict[str, Any]:
    values = []
    if rest.strip():
        parsed = argparse.Namespace()
        try:
            DictAction([], "values")(None, parsed, [f"of=[{rest}]"])
            values = parsed.values["of"]
        except (AssertionError, RecursionError):  # how it takes brackets that do not match
            raise InputError(f"{name}={text}: a bracket is not closed") from None
    choices = {option_text(value): value for value in values}
    if len(values) < 2 or len(choices) < len(values) or "" in choices:
        raise InputError(f"{name}={text}: two or more different values are right, as in choice:A,B")
    return choices


def option_text(value: Any) -> str:
    """A value as `--cfg-options` takes it."""
    if isinstance(value, (list, tuple)):
        inner = ",".join(map(option_text, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return str(value)


def read_space(path: str) -> dict[str, str]:
    """Read a YAML mapping from fields to what is tried for each: a text, or a list for a choice.

    Raises:
        InputError: naming the file, when it is missing or is no such mapping.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not all(isinstance(what, (str, list)) for what in content.values()):
        raise InputError(f"{path}: a mapping from fields to {KINDS} is right")
    return {
        str(name): what if isinstance(what, str) else "choice:" + option_text(what)[1:-1]
        for name, what in content.items()
    }


def search_space(params: Sequence[str], space: str | None, cfg: Config) -> tuple[Parameter, ...]:
    """What is tried, from the command line and a file.

    Args:
        params: each `FIELD=KIND:…`.
        space: a file for :func:`read_space`.
        cfg: the config that is searched.

    Raises:
        InputError: when nothing is tried, or something that the config does not have or is twice.
    """
    texts = read_space(space) if space else {}
    for param in params:
        name, equals, text = param.partition("=")
        if not name or not equals:
            raise InputError(f"--param {param}: FIELD=KIND:… is right, where a kind is {KINDS}")
        if name in texts:
            raise InputError(f"--param {param}: {name} is given twice")
        texts[name] = text
    if not texts:
        raise InputError("nothing to search: --param FIELD=KIND:… or --space FILE is needed")
    # The rest are variables of the config file, copied where they are used: to change them would change nothing.
    used = inspect.signature(Runner).parameters
    fields = {name: value for name, value in config_fields(cfg.to_dict()) if name.partition(".")[0] in used}
    for name in texts:
        if name not in fields:
            close = difflib.get_close_matches(name, fields, n=1, cutoff=0.0)
            raise InputError(f"{name}: is no field of the config that training reads; did you mean {close[0]!r}?")
    return tuple(parse_parameter(name, text) for name, text in texts.items())


def first_draw(parameters: Sequence[Parameter], cfg: Config) -> dict[str, Any]:
    """What optuna draws for the config as it stands.

    Raises:
        InputError: when a field's own value is not among those tried.
    """
    fields = dict(config_fields(cfg.to_dict()))
    return {parameter.field: parameter.drawn(fields[parameter.field]) for parameter in parameters}


def config_fields(node: dict | list, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a nested config with its value, named as in `--cfg-options`.

    Items of lists are none, as MMEngine does not set them; the fields of an item are.
    """
    for name, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(node, dict):
            yield f"{prefix}{name}", value
        if isinstance(value, (dict, list)):
            yield from config_fields(value, f"{prefix}{name}.")
