#!/usr/bin/env python3
"""Search for the settings of a config that validate best; each trial is a training."""

import argparse
from collections import Counter
from pathlib import Path

from mmdet_trash.cli import positive, run
from mmdet_trash.engine.arguments import add_run_arguments, add_training_arguments, config_of
from mmdet_trash.errors import InputError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/search.py configs/demo/cascade-rcnn_tiny.py --data-root data/trash "
        "--from-scratch --param optim_wrapper.optimizer.lr=log:1e-4:1e-2 --trials 20",
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--param", action="append", default=[], metavar="FIELD=KIND:…",
        help="a field of the config and what is tried: float:LOW:HIGH, log:LOW:HIGH (on a log scale), int:LOW:HIGH or "
        "choice:A,B,… (repeatable)",
    )  # fmt: skip
    parser.add_argument("--space", metavar="YAML", help="file that maps fields to the same, or to a list of choices")
    parser.add_argument(
        "--trials", type=positive, default=20, help="complete and pruned ones, over all starts (%(default)s)"
    )
    parser.add_argument("--metric", default="mAP50", help="which result of the validation is to be high (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (%(default)s)")
    parser.add_argument(
        "--prune", action=argparse.BooleanOptionalAction, default=True, help="give up trials behind the others' median"
    )
    parser.add_argument("--work-dir", help="where the study and the trials go (work_dirs/<config>_search[/fold<k>])")
    parser.add_argument("--resume", action="store_true", help="go on with the study of the work dir, if any")
    add_training_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.launcher != "none":
        raise InputError(f"--launcher {args.launcher}: a search trains in one process")
    cfg = config_of(args)
    # Imported late: --help has none of optuna's time.
    from mmdet_trash.engine.search import Search, run_search
    from mmdet_trash.engine.search_space import search_space

    fold = f"fold{args.fold}" if args.fold is not None else ""
    work_dir = Path(args.work_dir or Path("work_dirs") / f"{Path(args.config).stem}_search" / fold)
    parameters = search_space(args.param, args.space, cfg)
    search = Search(cfg, parameters, work_dir, args.metric, from_scratch=args.from_scratch, amp=args.amp)

    def report(study) -> None:
        show(search, study)
        write_result(args, search, study)

    study = run_search(search, args.trials, seed=args.seed, prune=args.prune, resume=args.resume, on_trial=report)
    report(study)


def show(search, study) -> None:
    """A table of the trials so far."""
    from rich.console import Console
    from rich.table import Table

    fields = [parameter.field for parameter in search.parameters]
    lasts = Counter(field.rpartition(".")[2] for field in fields)
    short = [field.rpartition(".")[2] if lasts[field.rpartition(".")[2]] == 1 else field for field in fields]
    table = Table("trial", "state", *short, search.metric)
    for trial in study.trials:
        # What waits after a resume has drawn nothing yet.
        values = [text_of(trial.params.get(field, "")) for field in fields]
        reason = trial.user_attrs.get("reason", "stopped")
        state = f"failed: {reason}" if trial.state.name == "FAIL" else trial.state.name.lower()
        table.add_row(str(trial.number), state, *values, "" if trial.value is None else f"{trial.value:.4f}")
    Console(highlight=False, markup=False).print(table)


def write_result(args, search, study) -> None:
    """Write the best trial's config, and say how to train it."""
    from mmdet_trash.engine.search import best_trial, default_trial, options_line, write_best

    best, default = best_trial(study), default_trial(search, study)
    if best is None:
        return
    if default is None:
        compared = "the config as it stands has not trained through"
    elif default.number == best.number:
        compared = "the config as it stands"
    else:
        compared = f"{best.value - default.value:+.4f} over the config as it stands"
    said = f"trial {best.number}, {search.metric} {best.value:.4f}, {compared}"
    options = {**(args.cfg_options or {}), **search.options(best.params)}
    path = search.work_dir / "best.py"
    write_best(path, args.config, search.drawn(best.params), options, f"The best of tools/search.py: {said}.")
    print(f"best: {said}")
    print(options_line(options))
    print(path)


def text_of(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    run(main)
