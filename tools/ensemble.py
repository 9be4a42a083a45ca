#!/usr/bin/env python3
"""Fuse the predictions of several models, folds or views into one file."""

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import positive, run
from mmdet_trash.errors import InputError
from mmdet_trash.files import check_writable
from mmdet_trash.fusion.fuse import BACKENDS, fuse
from mmdet_trash.fusion.manifest import Manifest, Source, read_manifest, write_manifest
from mmdet_trash.fusion.settings import CONF_TYPES, METHODS, FusionSettings
from mmdet_trash.predictions import ImageTable, Predictions, read, write_predictions
from mmdet_trash.predictions.readers import log_notes, reader_for
from mmdet_trash.predictions.writers import writer_for


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " Beside it, OUT.yaml says from what and how: --config OUT.yaml makes the same bytes.",
        epilog="example: python tools/ensemble.py fold0.csv fold1.csv --ann data/trash/test.json --iou-thr 0.6 "
        "--out submission.csv; with tuned settings: python tools/ensemble.py fold0.csv fold1.csv --config tuned.yaml "
        "--ann data/trash/test.json --out submission.csv",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="predictions: .csv, .json, .pkl or .parquet")
    parser.add_argument(
        "--group", nargs="+", action="append", default=[], metavar="FILE",
        help="files that are fused first and then count as one model (repeatable)",
    )  # fmt: skip
    parser.add_argument("--config", help="manifest of tools/tune_ensemble.py or of an earlier OUT")
    parser.add_argument("--ann", help="annotation file of the images (the manifest's)")
    parser.add_argument("--out", required=True, help="file to write: .csv, .json, .pkl or .parquet")
    parser.add_argument("--gt", help="ground truth of the same images: score the result and each file")
    parser.add_argument("--trust-pickle", action="store_true", help="read a .pkl, which can execute anything")
    parser.add_argument("--backend", choices=BACKENDS, default="numba", help="(%(default)s)")
    parser.add_argument("--engine", choices=["local", "ray"], default="local", help="where it runs (%(default)s)")
    parser.add_argument("--address", help="of a running Ray cluster (a local one is started)")
    parser.add_argument("--threads", type=positive, help="that fuse at a time (one a core)")

    how = parser.add_argument_group("how to fuse, over --config")
    how.add_argument("--method", choices=METHODS, help="(wbf)")
    how.add_argument("--iou-thr", type=float, nargs="+", help="one for all classes, or one a class (0.55)")
    how.add_argument("--skip-box-thr", type=float, nargs="+", help="lowest score: one, or one a model (0)")
    how.add_argument("--weights", type=float, nargs="+", help="one a model, in the order of the files, then groups")
    how.add_argument("--conf-type", choices=CONF_TYPES, help="how WBF scores a cluster (avg)")
    flag = {"action": argparse.BooleanOptionalAction}
    how.add_argument("--allows-overflow", **flag, help="let avg pass 1")
    how.add_argument("--one-vote", **flag, help="a model's repeats neither move a box nor dilute its score")
    how.add_argument("--absent-score", type=float, help="of a model without the box, under model_max and noisy_or (0)")
    how.add_argument("--decay-sigma", type=float, help="let fused boxes that overlap sink, by soft-NMS of this sigma")
    how.add_argument("--score-thr", type=float, nargs="+", help="lowest fused score: one, or one a class (0)")
    how.add_argument("--max-per-img", type=positive, help="most boxes an image (all)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    writer_for(args.out)
    check_writable(args.out)
    manifest = read_manifest(args.config) if args.config else Manifest(FusionSettings())
    settings = overridden(manifest.settings, args)
    paths = [*args.files, *args.group] or paths_of(manifest)
    if not paths:
        raise InputError("no files to fuse: name them, or a --config that does")
    ann = args.ann or (manifest.annotations and manifest.annotations.file)
    if not ann:
        raise InputError("--ann is missing: the annotation file says which images there are, in which order")
    for path in flat(paths):
        reader_for(path)

    coco = load_annotations(ann)
    truth = load_annotations(args.gt) if args.gt else None
    models = read_models(paths, ImageTable.from_coco(coco), args.trust_pickle)
    if args.engine == "ray":
        from mmdet_trash.fusion.ray_engine import fuse_on_ray

        fused = fuse_on_ray(models, settings, args.backend, args.address)
    else:
        fused = fuse(models, settings, args.backend, args.threads)
    write_predictions(fused, args.out)
    sources = tuple(nested(path, Source.of) for path in paths)
    write_manifest(Manifest(settings, sources, Source.of(ann), scores=manifest.scores), f"{args.out}.yaml")
    report(args, paths, models, fused, truth)


def overridden(settings: FusionSettings, args: argparse.Namespace) -> FusionSettings:
    """The settings, where the command line says nothing else."""
    names = [field.name for field in dataclasses.fields(FusionSettings)]
    given = {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}
    for name in ("iou_thr", "skip_box_thr", "score_thr"):
        if name in given and len(given[name]) == 1:
            given[name] = given[name][0]
    return dataclasses.replace(settings, **given)


def paths_of(manifest: Manifest) -> list[Any]:
    """The files that a manifest names, if they are still those."""
    sources = [*manifest.inputs, *([manifest.annotations] if manifest.inputs and manifest.annotations else [])]
    for source in flat(sources):
        source.check()
    return [nested(source, lambda s: s.file) for source in manifest.inputs]


def nested(entry: Any, change: Any) -> Any:
    """A change of each file, in lists where files stand in lists."""
    return [nested(item, change) for item in entry] if isinstance(entry, (list, tuple)) else change(entry)


def flat(entries: Any) -> Iterator[Any]:
    """Each file, out of lists of lists."""
    for entry in entries:
        if isinstance(entry, (list, tuple)):
            yield from flat(entry)
        else:
            yield entry


def read_models(paths: list[Any], images: ImageTable, trust_pickle: bool) -> list[Any]:
    """The predictions of each file; files that list no image in common are of different test sets."""
    listed: dict[str, np.ndarray] = {}

    def read_one(path: str) -> Predictions:
        reading = read(path, images, trust_pickle)
        log_notes(path, reading)
        for other, images_of_other in listed.items():
            if reading.listed.any() and images_of_other.any() and not (reading.listed & images_of_other).any():
                raise InputError(f"{path}: lists no image that {other} lists; files of one test set are right")
        listed[path] = reading.listed
        return reading.predictions

    count = sum(1 for _ in flat(paths))
    if not sys.stderr.isatty():
        return nested(paths, read_one)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=count)

        def read_and_tell(path: str) -> Predictions:
            found = read_one(path)
            progress.advance(task)
            return found

        return nested(paths, read_and_tell)


def report(args: argparse.Namespace, paths: list[Any], models: list[Any], fused: Predictions, truth: Any) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    numbers = ["boxes", "images without", *(["mAP50"] if truth else [])]
    table = Table("", Column("file", overflow="fold"), *(Column(name, justify="right") for name in numbers))
    if truth:
        from mmdet_trash.evaluation import evaluate_coco

    rows = [(str(i), p, m) for i, (p, m) in enumerate(zip(flat(paths), flat(models), strict=True), start=1)]
    for number, path, found in [*rows, ("", args.out, fused)]:
        empty = len(found.images) - len(np.unique(found.image_index))
        score = [f"{evaluate_coco(truth, found).summary['mAP50']:.4f}"] if truth else []
        table.add_row(
            number, str(Path(path)), str(len(found)), str(empty), *score, end_section=number == str(len(rows))
        )
    Console(highlight=False, markup=False).print(table)


if __name__ == "__main__":
    run(main)
