"""Finding fusion settings on out-of-fold predictions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import optuna

from mmdet_trash.errors import InputError
from mmdet_trash.fusion.calibration import KINDS, Calibration, fit_calibration
from mmdet_trash.fusion.fuse import fuse
from mmdet_trash.fusion.settings import CONF_TYPES, METHODS, FusionSettings
from mmdet_trash.predictions import Predictions
from mmdet_trash.predictions.matching import are_right

START = (
    {"method": "wbf", "iou_thr": 0.55, "conf_type": "avg", "one_vote": False, "decay": False},
    *(
        {"method": "wbf", "iou_thr": 0.65, "conf_type": conf_type, "one_vote": True, "absent_score": 0.05, **decay}
        for conf_type in CONF_TYPES
        for decay in ({"decay": False}, {"decay": True, "decay_sigma": 1.0, "decay_iou_thr": 0.5})
    ),
)
"""What every search looks at first: the library's default, and each score rule at the middle of the ranges."""


@dataclass(frozen=True)
class Fold:
    """Out-of-fold predictions of one fold's images.

    Attributes:
        models: of each model, in the same order in every fold.
        truth: the true boxes of the images.
        score: what is to be high, of fused predictions of these images: mAP50.
    """

    models: tuple[Predictions, ...]
    truth: Predictions
    score: Callable[[Predictions], float]


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes:
        settings: the best over all folds.
        nested: each fold's score under settings that were fitted on the other folds: what to expect on new images.
        fitted: the mean score of `settings` over the folds that they were fitted on, which flatters.
        singles: (folds, models) score of each model alone.
    """

    settings: FusionSettings
    nested: tuple[float, ...]
    fitted: float
    singles: tuple[tuple[float, ...], ...]

    @property
    def gains(self) -> tuple[float, ...]:
        """Each fold's nested score over the best single model's there."""
        return tuple(score - max(singles) for score, singles in zip(self.nested, self.singles, strict=True))


def tune(folds: Sequence[Fold], trials: int = 200, seed: int = 0, processes: int | None = None) -> Tuned:
    """Search method, IoU, skipping, weights, calibration, score rule and decay, by optuna's TPE.

    One search for the settings, over all folds, and one for each fold over the others, so that a fold is scored with
    settings that never saw it. The same folds, trials and seed give the same settings.

    Args:
        folds: at least two.
        trials: settings tried in each search.
        seed: of the searches.
        processes: searches at a time; as many as there are cores, if None.

    Raises:
        InputError: for a single fold, or folds of unequal numbers of models.
    """
    if len(folds) < 2:
        raise InputError(
            f"{len(folds)} fold: two or more are needed, each is scored with settings fitted on the others"
        )
    counts = [len(fold.models) for fold in folds]
    if len(set(counts)) > 1:
        raise InputError(f"folds of {', '.join(map(str, counts))} files: each fold has one of each model, in one order")
    held_out = [None, *range(len(folds))]
    jobs = [(folds, fold, trials, seed) for fold in held_out]
    processes = min(processes or len(os.sched_getaffinity(0)), len(jobs))
    if processes == 1:
        found = [_search(*job) for job in jobs]
    else:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            found = list(pool.map(_search, *zip(*jobs, strict=True)))
    (settings, fitted), *others = found
    return Tuned(
        settings=settings,
        nested=tuple(fold.score(fuse(fold.models, best)) for fold, (best, _) in zip(folds, others, strict=True)),
        fitted=fitted,
        singles=tuple(tuple(fold.score(model) for model in fold.models) for fold in folds),
    )


def _search(folds: Sequence[Fold], held_out: int | None, trials: int, seed: int) -> tuple[FusionSettings, float]:
    """The best settings over all folds but one, and their mean score over these."""
    fitted = [fold for position, fold in enumerate(folds) if position != held_out]
    calibrations = _Calibrations(fitted)

    def objective(trial: optuna.Trial) -> float:
        found = suggest(trial, len(fitted[0].models))
        kind = found.pop("calibration")
        trial.set_user_attr("settings", FusionSettings(**found, calibration=calibrations.fit(kind)))
        scores = []
        for fold in fitted:
            settings = FusionSettings(**found, calibration=calibrations.fit(kind, without=fold))
            scores.append(fold.score(fuse(fold.models, settings, threads=1)))
        return float(np.mean(scores))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True))
    for params in START:
        study.enqueue_trial(params, skip_if_exists=True)
    study.optimize(objective, n_trials=trials)
    return study.best_trial.user_attrs["settings"], study.best_value


def suggest(trial: optuna.Trial, models: int) -> dict[str, Any]:
    """One point of the search space: the fields of `FusionSettings`, with a kind for `calibration`."""
    found: dict[str, Any] = {"method": trial.suggest_categorical("method", METHODS)}
    if found["method"] == "soft_nms":
        found["sigma"] = trial.suggest_float("sigma", 0.05, 2.0, log=True)
    else:
        found["iou_thr"] = trial.suggest_float("iou_thr", 0.4, 0.9)
    found["skip_box_thr"] = trial.suggest_categorical("skip_box_thr", [0.0, 0.01, 0.03, 0.05, 0.1])
    found["calibration"] = trial.suggest_categorical("calibration", ["none", *KINDS])
    if models > 1:
        found["weights"] = tuple(trial.suggest_float(f"weight_{i}", 0.2, 1.0) for i in range(models))
    if found["method"] == "wbf":
        found["conf_type"] = trial.suggest_categorical("conf_type", CONF_TYPES)
        found["one_vote"] = trial.suggest_categorical("one_vote", [True, False])
        if found["conf_type"] in ("model_max", "noisy_or"):
            found["absent_score"] = trial.suggest_float("absent_score", 0.0, 0.1)
    if trial.suggest_categorical("decay", [True, False]):
        found["decay_sigma"] = trial.suggest_float("decay_sigma", 0.2, 4.0, log=True)
        found["decay_iou_thr"] = trial.suggest_float("decay_iou_thr", 0.3, 0.7)
    return found


class _Calibrations:
    """Calibrations fitted on some folds. A curve that was fitted to the boxes it is scored on would look too good, so
    there is one without each fold too, where another fold is left to fit it on.
    """

    def __init__(self, folds: Sequence[Fold]) -> None:
        self.folds = folds
        self.right = [[are_right(model, fold.truth) for model in fold.models] for fold in folds]
        self.known: dict[tuple[str, int], tuple[Calibration, ...]] = {}

    def fit(self, kind: str, without: Fold | None = None) -> tuple[Calibration, ...] | None:
        """One calibration a model, or None for the kind `"none"`."""
        if kind == "none":
            return None
        key = kind, id(without)
        if key not in self.known:
            left = [i for i, fold in enumerate(self.folds) if fold is not without] or [0]
            models = range(len(self.folds[0].models))
            self.known[key] = tuple(self._fit(kind, model, left) for model in models)
        return self.known[key]

    def _fit(self, kind: str, model: int, folds: Sequence[int]) -> Calibration:
        found = [self.folds[i].models[model] for i in folds]
        scores, labels = (np.concatenate([getattr(part, name) for part in found]) for name in ("scores", "labels"))
        right = np.concatenate([self.right[i][model] for i in folds])
        return fit_calibration(kind, scores, labels, right, len(found[0].images.classes))
