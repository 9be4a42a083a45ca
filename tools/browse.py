#!/usr/bin/env python3
"""Draw a dataset's boxes, or predictions, on its images: one sheet to look at."""

import argparse
from pathlib import Path

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import positive, run
from mmdet_trash.predictions import ImageTable, from_annotations, read_submission


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/browse.py data/trash/test.json --predictions submission.csv --out detections.png",
    )
    parser.add_argument("ann", type=Path, help="annotation file")
    parser.add_argument("--predictions", help="submission CSV to draw instead of the annotations")
    parser.add_argument("--data-root", type=Path, help="folder of the images (the annotation file's)")
    parser.add_argument("--score-thr", type=float, default=0.3, help="draw boxes from this score (%(default)s)")
    parser.add_argument("--count", type=positive, default=12, help="how many images (%(default)s)")
    parser.add_argument("--columns", type=positive, default=4, help="how many in a row (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("browse.png"), help="image to write (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    coco = load_annotations(args.ann)
    if args.predictions:
        predictions = read_submission(args.predictions, ImageTable.from_coco(coco))
        predictions = predictions.select(predictions.scores >= args.score_thr)
    else:
        predictions = from_annotations(coco)

    # Imported late: the stack takes seconds, and the input is checked by now.
    from mmdet_trash.reports.contact_sheet import draw_contact_sheet, write_image

    root = args.data_root or args.ann.parent
    sheet = draw_contact_sheet(
        predictions, args.ann, root, args.count, args.columns, show_scores=bool(args.predictions)
    )
    write_image(sheet, args.out)
    print(f"{args.out}: {sheet.shape[1]}x{sheet.shape[0]}")


if __name__ == "__main__":
    run(main)
