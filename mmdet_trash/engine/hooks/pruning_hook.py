import math
from typing import Any

import optuna
import torch
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmdet_trash.errors import InputError


class TrialFailed(Exception):
    """A training that came to nothing by its settings, which are no mistake of the user's."""


class PruningHook(Hook):
    """Tell a trial of a search how its training goes, and end it when it goes badly.

    It holds a trial that is under way, so no config can name it: it is in no registry.

    Args:
        trial: it is told the metric of each validation, with the epoch (or the iteration, where the training loop
            counts those) as step.
        metric: which of the validation's results is to be high.

    Attributes:
        best: the highest so far, None before the first validation.
    """

    def __init__(self, trial: optuna.Trial, metric: str) -> None:
        self.trial, self.metric = trial, metric
        self.best: float | None = None

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Stop at a loss that is not finite.

        Raises:
            TrialFailed: naming the iteration.
        """
        loss = (outputs or {}).get("loss")
        if loss is not None and not torch.isfinite(loss).all():
            raise TrialFailed(f"loss is {float(loss):g} at iteration {runner.iter + 1}")

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Report a validation.

        Raises:
            InputError: when it has no such metric.
            TrialFailed: when the metric is not finite.
            TrialPruned: when the study's pruner gives the trial up.
        """
        metrics = metrics or {}
        if self.metric not in metrics:
            raise InputError(f"--metric {self.metric}: the validation gives {', '.join(metrics) or 'nothing'}")
        value = float(metrics[self.metric])
        if not math.isfinite(value):
            raise TrialFailed(f"{self.metric} is {value}")
        self.best = value if self.best is None else max(self.best, value)
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self.trial.report(value, runner.epoch if by_epoch else runner.iter)
        if self.trial.should_prune():
            runner.visualizer.close()  # which otherwise the end of a training does
            raise optuna.TrialPruned
