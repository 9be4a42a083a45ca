"""How boxes are fused: one object, checked where it is made, written to and read from manifests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mmdet_trash.annotations import is_int, is_number
from mmdet_trash.errors import InputError
from mmdet_trash.fusion.calibration import Calibration

METHODS = ("wbf", "nmw", "nms", "soft_nms")
"""Weighted boxes fusion, non-maximum weighted, non-maximum suppression, soft-NMS."""
CONF_TYPES = ("avg", "max", "box_and_model_avg", "absent_model_aware_avg", "model_max", "noisy_or")
"""How WBF scores a cluster: ensemble-boxes' four, then ours."""
PER_CLASS = "a number or one a class"
PER_MODEL = "a number or one a model"


@dataclass(frozen=True)
class FusionSettings:
    """How the predictions of several models become one.

    Attributes:
        method: one of `METHODS`.
        iou_thr: boxes of a class that overlap by more are one object. A number, or one a class in label order.
        skip_box_thr: boxes of a lower score are left out. A number, or one a model.
        weights: of each model; for a model, a number or one a class. 0 leaves it out. None weighs all alike.
        conf_type: one of `CONF_TYPES`: how WBF scores a cluster of boxes. `model_max` averages over the models what
            each gave its best box; `noisy_or` is the chance that one of them is right, were they independent. Both
            count a model once, however often it repeats itself.
        allows_overflow: let `avg` pass 1 where a cluster has more boxes than there are models.
        one_vote: a model's second box in a WBF cluster is dropped, so that its repeats neither move the box nor
            dilute the score.
        absent_score: what a model without a box in a cluster gives it under `model_max` and `noisy_or`, though never
            more than the best that another gave: a detector that drops boxes below a score has said no more
            than that they are below it.
        sigma: of soft-NMS, whose weight is exp(-IoU² / sigma).
        soft_thr: boxes that soft-NMS lets sink so low are left out.
        decay_sigma: lets fused boxes of a class that still overlap sink as by soft-NMS of this sigma; None does not.
        decay_iou_thr: the overlap above which they do.
        score_thr: fused boxes of a lower score are left out. A number, or one a class.
        max_per_img: fused boxes an image at most, the best; None keeps all.
        calibration: of each model's scores, before all else; None leaves them.
        within: how a group of predictions that stands for one model is fused first (see `fuse`); None takes this
            object without what is said of single models, thresholds or calibration.
    """

    method: str = "wbf"
    iou_thr: float | tuple[float, ...] = 0.55
    skip_box_thr: float | tuple[float, ...] = 0.0
    weights: tuple[float | tuple[float, ...], ...] | None = None
    conf_type: str = "avg"
    allows_overflow: bool = False
    one_vote: bool = False
    absent_score: float = 0.0
    sigma: float = 0.5
    soft_thr: float = 0.001
    decay_sigma: float | None = None
    decay_iou_thr: float = 0.5
    score_thr: float | tuple[float, ...] = 0.0
    max_per_img: int | None = None
    calibration: tuple[Calibration | None, ...] | None = None
    within: FusionSettings | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("method", METHODS), ("conf_type", CONF_TYPES)):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} {getattr(self, name)!r} is unknown, one of {', '.join(allowed)} is right")
        for name in ("allows_overflow", "one_vote"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} is {getattr(self, name)!r}, true or false is right")
        self._check("iou_thr", between(0, 1), PER_CLASS)
        self._check("skip_box_thr", at_least_0, PER_MODEL)
        self._check("score_thr", at_least_0, PER_CLASS)
        for name in ("absent_score", "soft_thr", "decay_iou_thr"):
            self._check(name, between(0, 1))
        self._check("sigma", above_0)
        if self.decay_sigma is not None:
            self._check("decay_sigma", above_0)
        if self.max_per_img is not None and (not is_int(self.max_per_img) or self.max_per_img < 1):
            raise InputError(f"max_per_img is {self.max_per_img!r}, a whole number of 1 or more is right")
        if self.weights is not None:
            self._check_weights()

    def _check(self, name: str, right: Callable[[float], bool], shape: str | None = None) -> None:
        value = getattr(self, name)
        several = shape is not None and isinstance(value, (list, tuple))
        if several:
            object.__setattr__(self, name, tuple(value))
        wrong = [number for number in (value if several else [value]) if not (is_number(number) and right(number))]
        if wrong:
            raise InputError(f"{name} is {wrong[0]!r}, {right.__doc__} is right")

    def _check_weights(self) -> None:
        if not isinstance(self.weights, (list, tuple)):
            raise InputError(f"weights are {self.weights!r}, a list of one a model is right")
        weights = tuple(tuple(w) if isinstance(w, (list, tuple)) else w for w in self.weights)
        object.__setattr__(self, "weights", weights)
        for position, weight in enumerate(weights, start=1):
            for number in weight if isinstance(weight, tuple) else (weight,):
                if not (is_number(number) and number >= 0):
                    raise InputError(f"weight {position} is {number!r}, a number of 0 or more is right")
        if not any(any(w) if isinstance(w, tuple) else w for w in weights):
            raise InputError("all weights are zero, at least one model must count")

    def of_group(self) -> FusionSettings:
        """How a group of predictions that stands for one model is fused."""
        return self.within or dataclasses.replace(
            self, weights=None, skip_box_thr=0.0, score_thr=0.0, max_per_img=None, calibration=None
        )

    def to_dict(self) -> dict[str, Any]:
        """What differs from the default, as plain lists and numbers."""
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}
        if self.within is not None:
            given["within"] = self.within.to_dict()
        if self.calibration is not None:
            given["calibration"] = [curve and curve.to_dict() for curve in self.calibration]
        return {name: as_lists(value) for name, value in given.items()}

    @classmethod
    def from_dict(cls, content: Any) -> FusionSettings:
        """The settings that `to_dict` wrote.

        Raises:
            InputError: for a name that is none, or a value that is not right.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(content, Mapping):
            raise InputError(f"settings are {content!r}, a mapping is right")
        if unknown := content.keys() - set(names):
            raise InputError(f"setting {min(map(str, unknown))!r} is unknown, one of {', '.join(names)} is right")
        given = {name: as_tuples(value) for name, value in content.items()}
        if given.get("within") is not None:
            given["within"] = cls.from_dict(content["within"])
        if given.get("calibration") is not None:
            curves = content["calibration"]
            if not isinstance(curves, list):
                raise InputError(f"calibration is {curves!r}, a list of one a model is right")
            given["calibration"] = tuple(None if c is None else Calibration.from_dict(c) for c in curves)
        return cls(**given)


def between(low: float, high: float) -> Callable[[float], bool]:
    """A check that a number lies in a range; its docstring says which."""

    def check(value: float) -> bool:
        return low <= value <= high

    check.__doc__ = f"a number between {low} and {high}"
    return check


def at_least_0(value: float) -> bool:
    """a number of 0 or more"""
    return value >= 0


def above_0(value: float) -> bool:
    """a number above 0"""
    return value > 0


def as_lists(value: Any) -> Any:
    """Tuples as lists, which YAML writes."""
    return [as_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def as_tuples(value: Any) -> Any:
    """Lists as tuples, which do not change."""
    return tuple(as_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value
