#!/usr/bin/env python3
"""Check a prediction file, convert it to another format, or compare two."""

import argparse
import sys

import numpy as np

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import fail, run
from mmdet_trash.predictions import ImageTable, Predictions, read, read_predictions, write_predictions
from mmdet_trash.predictions.by_name import read_by_name
from mmdet_trash.predictions.comparison import Comparison, compare
from mmdet_trash.predictions.readers import log_notes, reader_for
from mmdet_trash.predictions.writers import writer_for

FORMATS = "prediction file: .csv, .json, .pkl or .parquet"
NAMED = 5
"""How many of the images that differ are named."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/submission.py check submission.csv --ann data/trash/test.json; another: "
        "python tools/submission.py convert results.pkl submission.csv --ann data/trash/test.json --trust-pickle",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="{check,convert,diff}")
    check = commands.add_parser("check", help="pass a file in which nothing is wrong, else say what (exit 2)")
    check.add_argument("file", help=FORMATS)
    convert = commands.add_parser("convert", help="write a file in the format of another ending")
    convert.add_argument("source", metavar="IN", help=FORMATS)
    convert.add_argument("out", metavar="OUT", help="file to write, of any of these endings")
    diff = commands.add_parser("diff", help="say whether two files hold the same boxes (exit 0) or where not (exit 1)")
    diff.add_argument("first", metavar="A", help=FORMATS)
    diff.add_argument("second", metavar="B", help="another, of any of these endings")
    for command in (check, convert, diff):
        needless = command is diff
        command.add_argument(
            "--ann",
            required=not needless,
            help="annotation file of the images" + (" (not needed for .csv and .parquet)" if needless else ""),
        )
        command.add_argument("--trust-pickle", action="store_true", help="read a .pkl, which can execute anything")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    {"check": check_file, "convert": convert_file, "diff": diff_files}[args.command](args)


def images_of(ann: str) -> ImageTable:
    return ImageTable.from_coco(load_annotations(ann))


def summary(predictions: Predictions) -> str:
    total = len(predictions.images)
    empty = total - len(np.unique(predictions.image_index))
    return f"{len(predictions)} boxes, {total} images, {empty} without a box"


def check_file(args: argparse.Namespace) -> None:
    reader_for(args.file)
    reading = read(args.file, images_of(args.ann), args.trust_pickle)
    print(f"{args.file}: {summary(reading.predictions)}")
    for note in reading.notes:
        print(f"  {note}")
    if reading.notes:
        fail(f"{args.file}: {len(reading.notes)} {'flaws' if len(reading.notes) > 1 else 'flaw'}, each named above")


def convert_file(args: argparse.Namespace) -> None:
    reader_for(args.source)
    writer_for(args.out)
    predictions = read_predictions(args.source, images_of(args.ann), args.trust_pickle)
    write_predictions(predictions, args.out)
    print(f"{args.out}: {summary(predictions)}")


def diff_files(args: argparse.Namespace) -> None:
    paths = (args.first, args.second)
    for path in paths:
        reader_for(path)
    if args.ann:
        images = images_of(args.ann)
        readings = [read(path, images, args.trust_pickle) for path in paths]
    else:
        readings = read_by_name(*paths)
    for path, reading in zip(paths, readings, strict=True):
        log_notes(path, reading)
    found = compare(readings[0].predictions, readings[1].predictions)
    if found.same:
        moved = int(found.reordered.sum())
        print("same predictions" + (f", in another order in {moved} of {len(found.images)} images" if moved else ""))
        return
    report(found)
    sys.exit(1)


def report(found: Comparison) -> None:
    # Imported late: a check needs no table.
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    table = Table("class", title="boxes")
    for name in ("in A", "in B", "in both"):
        table.add_column(name, justify="right")
    counts = (found.in_first, found.in_second, found.in_both)
    for name, *row in zip(found.images.classes, *counts, strict=True):
        table.add_row(name, *map(str, row))
    table.add_section()
    table.add_row("all", *(str(column.sum()) for column in counts))
    console.print(table)
    names = [found.images.file_names[index] for index in np.flatnonzero(found.differing)]
    more = ", …" if len(names) > NAMED else ""
    console.print(
        f"{len(names)} of {len(found.images)} images differ: {', '.join(names[:NAMED])}{more}", soft_wrap=True
    )
    if found.moved_scores:
        boxes = "boxes have" if found.moved_scores > 1 else "box has"
        console.print(
            f"{found.moved_scores} {boxes} the same class and corners and another score, "
            f"by {found.largest_step:.6g} at most",
            soft_wrap=True,
        )


if __name__ == "__main__":
    run(main)
