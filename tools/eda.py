#!/usr/bin/env python3
"""Look at a dataset: an HTML page of what it holds and what looks wrong, and its numbers as JSON and CSV beside it."""

import argparse
from pathlib import Path

from mmdet_trash.cli import run
from mmdet_trash.errors import InputError
from mmdet_trash.reports.words import LANGUAGES, Words


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/eda.py --ann data/trash/train.json --images data/trash --out eda.html",
    )
    parser.add_argument("--ann", type=Path, required=True, help="annotation file to look at")
    parser.add_argument("--images", type=Path, help="folder of its images, to show what looks wrong")
    parser.add_argument(
        "--folds-dir", type=Path, help="folds of it, as tools/kfold.py writes them, to see their balance"
    )
    parser.add_argument("--against", type=Path, metavar="ANN", help="another annotation file to set beside it")
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="language of the page (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("eda.html"), help="page to write (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    # Imported late: the arguments are checked by now.
    from mmdet_trash.annotations import load_annotations
    from mmdet_trash.reports.eda import Dataset, eda_report
    from mmdet_trash.reports.page import check_page, write_report
    from mmdet_trash.reports.pictures import check_folder

    check_page(args.out, [path for path in (args.ann, args.against) if path])
    check_folder(args.images)
    if args.against and args.against.resolve() == args.ann.resolve():
        raise InputError(f"--against {args.against}: is the dataset itself, another is right")
    dataset = Dataset(args.ann, load_annotations(args.ann), args.images)
    against = Dataset(args.against, load_annotations(args.against)) if args.against else None
    words = Words(args.lang)
    report = eda_report(dataset, words, against, args.folds_dir)
    for note in report.notes:
        print(note)
    page, numbers, tables = write_report(report, words, args.out)
    print(f"{page}: {len(list(report.parts()))} figures; numbers in {numbers} and {tables}/")


if __name__ == "__main__":
    run(main)
