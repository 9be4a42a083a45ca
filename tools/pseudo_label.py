#!/usr/bin/env python3
"""Make an annotation file to train on of a model's confident predictions for unlabelled images."""

import argparse
import json

import numpy as np

from mmdet_trash.cli import run
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, check_no_input, check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/pseudo_label.py work_dirs/cascade/fold0/test.parquet --ann data/trash/test.json "
        "--fold 0 --out data/trash/pseudo/pseudo_fold0.json",
    )
    parser.add_argument("predictions", help="prediction file: .csv, .json, .pkl or .parquet")
    parser.add_argument("--ann", required=True, help="annotation file of the images, without labels")
    parser.add_argument("--out", required=True, help="annotation file to write")
    parser.add_argument("--fold", type=int, help="whose own model made the predictions, to train that fold again")
    parser.add_argument(
        "--score-thr", type=float, nargs="+", default=[0.25], metavar="SCORE",
        help="lowest score of a label: one, or one a class (0.25)",
    )  # fmt: skip
    parser.add_argument(
        "--max-doubtful", type=int, metavar="COUNT",
        help="leave out images with more boxes than this from --doubt-thr to --score-thr (none is left out)",
    )  # fmt: skip
    parser.add_argument("--doubt-thr", type=float, default=0.2, metavar="SCORE", help="(%(default)s)")
    parser.add_argument("--trust-pickle", action="store_true", help="read a .pkl, which can execute anything")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # Imported late: polars takes its time, and --help has none of it.
    from mmdet_trash.datasets.pseudo_labels import (
        LabelRule,
        as_annotations,
        choose_labels,
        load_unlabelled,
        with_folders,
    )
    from mmdet_trash.fusion.manifest import Source
    from mmdet_trash.predictions import ImageTable, read_predictions
    from mmdet_trash.predictions.readers import reader_for

    if args.fold is not None and args.fold < 0:
        raise InputError(f"--fold {args.fold}: 0 or more is right")
    rule = LabelRule(tuple(args.score_thr), args.doubt_thr, args.max_doubtful)
    reader_for(args.predictions)
    check_no_input(args.out, (args.ann, args.predictions))
    check_writable(args.out)
    coco = load_unlabelled(args.ann)
    predictions = read_predictions(args.predictions, ImageTable.from_coco(coco), args.trust_pickle)
    labels = choose_labels(predictions, rule)
    source = Source.of(args.predictions)
    origin = {
        "fold": args.fold,
        "score_thr": args.score_thr,
        "doubt_thr": None if args.max_doubtful is None else args.doubt_thr,
        "max_doubtful": args.max_doubtful,
        "predictions": {"file": source.file, "sha256": source.sha256},
    }
    content = as_annotations(with_folders(coco, args.ann), labels, origin)
    with atomic_write(args.out) as file:
        json.dump(content, file)
    report(args.out, predictions, labels)


def report(out, predictions, labels) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    classes = predictions.images.classes
    found, kept = (np.bincount(boxes.labels, minlength=len(classes)) for boxes in (predictions, labels.boxes))
    table = Table("class", Column("boxes read", justify="right"), Column("labels kept", justify="right"))
    for row in zip(classes, found, kept, strict=True):
        table.add_row(*map(str, row))
    table.add_section()
    table.add_row("all", str(found.sum()), str(kept.sum()))
    console = Console(highlight=False, markup=False)
    console.print(table)
    tiny = f"; boxes under a pixel dropped: {labels.tiny}" if labels.tiny else ""
    total = len(predictions.images)
    console.print(f"{out}: {labels.accepted.sum()} of {total} images accepted{tiny}", soft_wrap=True)


if __name__ == "__main__":
    run(main)
