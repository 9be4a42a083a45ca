#!/usr/bin/env python3
"""Find fusion settings on out-of-fold predictions, scored on images that the settings never saw."""

import argparse
from pathlib import Path

import numpy as np

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import positive, run
from mmdet_trash.errors import InputError
from mmdet_trash.files import check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " Each fold is scored with settings that were fitted on the others.",
        epilog="example: python tools/tune_ensemble.py --fold val_fold0.json a0.csv b0.csv --fold val_fold1.json "
        "a1.csv b1.csv --trials 150 --out tuned.yaml",
    )
    parser.add_argument(
        "--fold", nargs="+", action="append", required=True, metavar=("GT", "FILE"),
        help="a fold's ground truth and its files, one a model, in the same order in every fold (repeatable)",
    )  # fmt: skip
    parser.add_argument("--trials", type=positive, default=150, help="settings tried in each search (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the searches (%(default)s)")
    parser.add_argument("--processes", type=positive, help="searches at a time (one a core)")
    parser.add_argument("--trust-pickle", action="store_true", help="read a .pkl, which can execute anything")
    parser.add_argument("--out", required=True, help="manifest to write, for tools/ensemble.py --config")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    check_writable(args.out)
    # Imported late: optuna and numba take their time, and --help has none of theirs.
    from mmdet_trash.evaluation import Map50
    from mmdet_trash.fusion.manifest import Manifest, Source, write_manifest
    from mmdet_trash.fusion.tuning import Fold, tune
    from mmdet_trash.predictions import from_annotations, read_predictions

    folds = []
    for truth, *files in args.fold:
        if not files:
            raise InputError(f"--fold {truth}: has no prediction files, one a model is right")
        coco = load_annotations(truth)
        boxes = from_annotations(coco)
        models = tuple(read_predictions(file, boxes.images, args.trust_pickle) for file in files)
        folds.append(Fold(models, boxes, Map50(coco, boxes.images)))
    with progress(f"{len(folds) + 1} searches of {args.trials} trials"):
        tuned = tune(folds, args.trials, args.seed, args.processes)
    scores = {
        "nested_map50": list(tuned.nested),
        "single_map50": [list(singles) for singles in tuned.singles],
        "gains": list(tuned.gains),
        "mean_gain": float(np.mean(tuned.gains)),
        "fitted_map50": tuned.fitted,
        "trials": args.trials,
        "seed": args.seed,
    }
    sources = tuple(tuple(Source.of(path) for path in fold) for fold in args.fold)
    write_manifest(Manifest(tuned.settings, tuned_on=sources, scores=scores), args.out)
    report(args, tuned)


def progress(what):
    """A spinner on a terminal, nothing elsewhere."""
    from rich.console import Console

    return Console(stderr=True).status(what)


def report(args, tuned) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    models = range(1, len(tuned.singles[0]) + 1)
    table = Table("fold", *(f"model {number}" for number in models), "fused, nested", "gain", title="mAP50")
    for (truth, *_), singles, nested, gain in zip(args.fold, tuned.singles, tuned.nested, tuned.gains, strict=True):
        table.add_row(Path(truth).name, *(f"{single:.4f}" for single in singles), f"{nested:.4f}", f"{gain:+.4f}")
    table.add_section()
    means = [*np.mean(tuned.singles, axis=0), np.mean(tuned.nested)]
    table.add_row("mean", *(f"{mean:.4f}" for mean in means), f"{np.mean(tuned.gains):+.4f}")
    console.print(table)
    found = tuned.settings.to_dict()
    if "calibration" in found:
        found["calibration"] = tuned.settings.calibration[0].kind
    console.print(f"{args.out}: " + ", ".join(f"{name} {short(value)}" for name, value in found.items()))


def short(value) -> str:
    if isinstance(value, list):
        return " ".join(map(short, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    run(main)
