#!/usr/bin/env python3
"""Part an annotation file into folds, or draw bootstrap bags from it."""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import run
from mmdet_trash.datasets import groups
from mmdet_trash.datasets.fold_files import write_folds
from mmdet_trash.datasets.folds import balance, bootstrap_bags, stratified_folds, warn_of_rare_classes
from mmdet_trash.datasets.images import find_image
from mmdet_trash.reports.balance_plot import plot_balance


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " An image's boxes stay together; classes, sizes of boxes and their number are shared "
        "out evenly. Writes train_fold{k}.json, val_fold{k}.json, folds.csv and balance.png.",
        epilog="example: python tools/kfold.py --ann data/trash/train.json --out-dir data/folds --folds 5",
    )
    parser.add_argument("--ann", required=True, help="annotation file")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder to write to")
    parser.add_argument("--folds", type=int, default=5, help="folds or bags (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another one parts otherwise (%(default)s)")
    parser.add_argument(
        "--method", choices=["stratified-group", "bootstrap"], default="stratified-group",
        help="folds, or bags drawn with replacement, validated on what is out of the bag (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--group-by", metavar="FIELD", help="keep images together that have this field in common")
    parser.add_argument("--groups", metavar="CSV", help="keep images together by a table: file_name,group")
    parser.add_argument("--data-root", type=Path, help="folder of the images: keep those of one picture together")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    coco = load_annotations(args.ann)
    together = groups_of(coco, args)
    if args.method == "bootstrap":
        folds = bootstrap_bags(together, args.folds, args.seed)
    else:
        folds = stratified_folds(coco, together, args.folds, args.seed)
    found = balance(coco, folds)
    write_folds(coco, folds, args.out_dir)
    plot_balance(found, args.out_dir / "balance.png")
    warn_of_rare_classes(found)
    report(args, folds, found)


def groups_of(coco, args) -> np.ndarray:
    partitions = [np.arange(len(coco["images"]))]
    if args.group_by:
        partitions.append(groups.by_field(coco, args.group_by))
    if args.groups:
        partitions.append(groups.by_table(coco, args.groups))
    if args.data_root:
        paths = [find_image(args.data_root, image["file_name"], args.ann) for image in coco["images"]]
        partitions.append(groups.by_picture(paths))
    return groups.join(*partitions)


def report(args, folds, found) -> None:
    console = Console(highlight=False, markup=False)
    kind = "bag" if args.method == "bootstrap" else "fold"
    table = Table("", Column("all", justify="right"), title="validation boxes, and % over their share")
    for fold in range(len(folds)):
        table.add_column(f"{kind} {fold}", justify="right")
    for label, name in enumerate(found.classes):
        cells = [
            f"{count} {100 * deviation:+.1f}" if found.boxes[label] else "0"
            for count, deviation in zip(found.validated[:, label], found.deviation[:, label], strict=True)
        ]
        table.add_row(name, str(found.boxes[label]), *cells)
    table.add_section()
    table.add_row("images", str(folds.times.shape[1]), *map(str, folds.validated.sum(axis=1)))
    console.print(table)
    worst, fold, name = found.worst
    images, parts = folds.times.shape[1], len(np.unique(folds.groups))
    console.print(f"{images} images in {parts} groups; worst: {name}, {kind} {fold}, {100 * worst:+.1f} %")
    console.print(f"{args.out_dir}: train_fold0.json … val_fold{len(folds) - 1}.json, folds.csv, balance.png")


if __name__ == "__main__":
    run(main)
