"""A search for the settings of a config: each trial is a training, optuna chooses what it tries."""

import copy
import gc
import os
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError

from mmdet_trash.engine.config import ann_paths
from mmdet_trash.engine.hooks.pruning_hook import PruningHook, TrialFailed
from mmdet_trash.engine.runs import prepare_training, run_training
from mmdet_trash.engine.search_space import Parameter, config_fields, first_draw, option_text
from mmdet_trash.errors import InputError
from mmdet_trash.files import alone, atomic_write
from mmdet_trash.fusion.manifest import Source

STUDY = "search"
FAILURES = 5
"""One after another, they end a search: what it tries does not train."""
PLACES = ("ann_file", "data_root", "filename", "work_dir")
"""Fields that say where something lies; what an annotation file holds is compared in their place."""


@dataclass(frozen=True)
class Search:
    """What is searched, and how a trial of it trains.

    Attributes:
        cfg: the config that is tried first, on its data; not changed.
        parameters: what is tried.
        work_dir: of the study; trial n trains in its `trial{n}/`.
        metric: which of a validation's results is to be high. A training's value is the highest of its validations.
        from_scratch: whether to load no initial weights.
        amp: whether to train in mixed precision.
    """

    cfg: Config
    parameters: tuple[Parameter, ...]
    work_dir: Path
    metric: str = "mAP50"
    from_scratch: bool = False
    amp: bool = False

    def drawn(self, params: dict[str, Any]) -> Config:
        """The config with what optuna drew."""
        cfg = copy.deepcopy(self.cfg)
        cfg.merge_from_dict(self.options(params))
        return cfg

    def prepared(self, name: str, params: dict[str, Any]) -> Config:
        """The config that trains in a folder of the work dir with what optuna drew.

        Raises:
            InputError: as `prepare_training`.
        """
        cfg = self.drawn(params)
        prepare_training(cfg, str(self.work_dir / name), from_scratch=self.from_scratch, amp=self.amp)
        # MMEngine gives a second run in one process the first one's logger and visualizer, where a name comes again.
        cfg.experiment_name = name
        return cfg

    def options(self, params: dict[str, Any]) -> dict[str, Any]:
        """Fields and their values for what optuna drew."""
        return {parameter.field: parameter.value(params[parameter.field]) for parameter in self.parameters}

    def facts(self) -> dict[str, str]:
        """All that has to be the same for trials to be compared, as text: config, data, what is tried."""
        cfg = self.prepared("", first_draw(self.parameters, self.cfg))
        found = {f"--param {parameter.field}": parameter.text for parameter in self.parameters}
        found["--metric"] = self.metric
        for name, value in config_fields(cfg.to_dict()):
            inner = isinstance(value, (dict, list)) and any(config_fields(value))
            if not inner and name.rpartition(".")[2] not in PLACES:
                found[name] = repr(value)
        found.pop("experiment_name")
        for loader in ("train_dataloader", "val_dataloader"):
            for file in ann_paths(cfg, loader):
                found[f"{loader} {file.name}"] = Source.of(file).sha256[:12]
        return found

    def train(self, trial: optuna.Trial) -> float:
        """Train a trial; gives its value.

        Raises:
            InputError: for a mistake in the config or the data, or when nothing is validated.
            TrialFailed: when it runs out of memory, or a loss is not finite.
            TrialPruned: when it is given up.
        """
        hook = PruningHook(trial, self.metric)
        try:
            run_training(self.prepared(f"trial{trial.number}", trial.params), hooks=[hook])
        except (torch.cuda.OutOfMemoryError, MemoryError):
            raise TrialFailed("out of memory") from None
        except RuntimeError as error:
            if "can't allocate memory" not in str(error):
                raise
            raise TrialFailed("out of memory") from None
        if hook.best is None:
            raise InputError(
                "nothing is validated; train_cfg.val_begin and val_interval have to lie within the training"
            )
        return hook.best


def run_search(
    search: Search,
    trials: int,
    *,
    seed: int = 0,
    prune: bool = True,
    resume: bool = False,
    on_trial: Callable[[optuna.Study], None] = lambda study: None,
) -> optuna.Study:
    """Search until so many trials are complete or pruned, over all starts.

    The config as it stands is tried first. A trial that fails by its settings is recorded; one that is stopped in any
    other way is tried again after a resume. Checkpoints are kept of the best trial alone.

    Args:
        search: what is searched.
        trials: how many.
        seed: of what is drawn; trainings take theirs from the config.
        prune: whether trials that are behind the median of the others are given up.
        resume: whether to go on with the study of the work dir, if there is one.
        on_trial: called at the start of each trial.

    Returns:
        The study.

    Raises:
        InputError: when the work dir holds a study that is not to be resumed, is of something else or is running; when
            trials fail one after another; as :meth:`Search.train`.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {parameter.field: parameter.distribution for parameter in search.parameters}
    first = first_draw(search.parameters, search.cfg)
    facts = search.facts()
    failures = 0
    with alone(search.work_dir):
        study = open_study(search.work_dir, facts, first, resume)
        # What was drawn before a resume is not drawn again.
        study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
        study.pruner = optuna.pruners.MedianPruner() if prune else optuna.pruners.NopPruner()
        keep_best(search, study)
        while sum(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in study.trials) < trials:
            trial = study.ask(distributions)
            on_trial(study)
            try:
                value = search.train(trial)
            except optuna.TrialPruned:
                study.tell(trial, state=TrialState.PRUNED)
                failures = 0
            except TrialFailed as error:
                print_log(f"trial {trial.number} failed: {error}", logger="current")
                trial.set_user_attr("reason", str(error))
                study.tell(trial, state=TrialState.FAIL)
                failures += 1
                if failures == FAILURES:
                    raise InputError(
                        f"{search.work_dir}: {FAILURES} trials failed one after another, the last one: {error}"
                    ) from None
            else:
                study.tell(trial, value)
                failures = 0
            keep_best(search, study)
            gc.collect()  # a runner is full of cycles; the next one needs its memory
            torch.cuda.empty_cache()
    return study


def open_study(work_dir: Path, facts: dict[str, str], first: dict[str, Any], resume: bool) -> optuna.Study:
    """Make the study of a work dir, or go on with the one that is there.

    Args:
        work_dir: holds `study.db`.
        facts: what has to be the same as before.
        first: what the first trial draws.
        resume: whether to go on.

    Raises:
        InputError: when there is a study that is not to be resumed, is of something else, or cannot be read.
    """
    path = work_dir / "study.db"
    if path.exists() and not resume:
        raise InputError(f"{path}: holds a search already; --resume goes on with it, another --work-dir begins anew")
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        study = optuna.create_study(storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True)
        if not any(trial.state.is_finished() for trial in study.trials):
            # Nothing is lost, and what stopped it may have been a mistake that is mended now.
            optuna.delete_study(study_name=STUDY, storage=storage)
            study = optuna.create_study(storage=storage, study_name=STUDY, direction="maximize")
            study.set_user_attr("facts", facts)
            study.enqueue_trial(first)
    except DatabaseError as error:
        raise InputError(f"{path}: is no study of optuna's: {error.orig}") from None
    before = study.user_attrs["facts"]
    changed = sorted(name for name in before | facts if before.get(name) != facts.get(name))
    if changed:
        shown = "; ".join(f"{name} was {before.get(name)}, is {facts.get(name)}" for name in changed[:3])
        more = f"; and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise InputError(f"{path}: is a search of something else: {shown}{more}; another --work-dir begins anew")
    _retry_stopped(study)
    return study


def _retry_stopped(study: optuna.Study) -> None:
    """Mark trials that were stopped as failed, and have what they drew tried first."""
    trials = study.trials
    waiting = [trial.system_attrs["fixed_params"] for trial in trials if trial.state == TrialState.WAITING]
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            # A kill between the two leaves both, and the next resume finds what is waiting.
            drawn = trial.system_attrs.get("fixed_params", {}) | trial.params
            if drawn and drawn not in waiting:
                study.enqueue_trial(drawn)
            study.tell(trial.number, state=TrialState.FAIL)


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """The complete trial of the highest value, the first of equals."""
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda trial: trial.value, default=None)


def default_trial(search: Search, study: optuna.Study) -> FrozenTrial | None:
    """The complete trial of the config as it stands."""
    first = first_draw(search.parameters, search.cfg)
    return next((t for t in study.trials if t.state == TrialState.COMPLETE and t.params == first), None)


def keep_best(search: Search, study: optuna.Study) -> None:
    """Remove the checkpoints of all trials but the best."""
    best = best_trial(study)
    for trial in study.trials:
        if best is None or trial.number != best.number:
            # Those too that a kill left half-written.
            for path in (search.work_dir / f"trial{trial.number}").glob("*.pth*"):
                path.unlink()


def options_line(options: dict[str, Any]) -> str:
    """`--cfg-options …`, to be pasted in a shell."""
    return "--cfg-options " + " ".join(shlex.quote(f"{name}={option_text(value)}") for name, value in options.items())


def write_best(path: Path, config: str, cfg: Config, names: Iterable[str], comment: str) -> None:
    """Write a config that inherits the searched one and says only what differs.

    A config inherits no single item of a list: a list of which an item differs is written whole.

    Args:
        path: file to write.
        config: file of the searched config.
        cfg: the config as it is to be.
        names: fields that differ.
        comment: what the file is, in one line.
    """
    child: dict[str, Any] = {}
    for name in names:
        node, inherited = child, cfg.to_dict()
        *outer, last = name.split(".")
        for key in outer:
            if not isinstance(inherited[key], dict):
                last = key
                break
            node, inherited = node.setdefault(key, {}), inherited[key]
        node[last] = inherited[last]
    base = os.path.relpath(Path(config).resolve(), path.parent.resolve())
    with atomic_write(path) as file:
        file.write(f"# {comment}\n_base_ = {base!r}\n{Config(child).pretty_text}")
