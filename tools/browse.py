#!/usr/bin/env python3
"""Look at a dataset's boxes, at predictions, or at what a config's pipeline feeds the model: one sheet."""

import argparse
from pathlib import Path

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import positive, run
from mmdet_trash.predictions import ImageTable, from_annotations, read_predictions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/browse.py data/trash/test.json --predictions submission.csv --out detections.png"
        "; a pipeline: python tools/browse.py configs/demo/cascade-rcnn_tiny_mosaic.py --data-root data/trash",
    )
    parser.add_argument("source", type=Path, help="annotation file (.json) or config (.py)")
    parser.add_argument("--predictions", help="prediction file to draw instead: .csv, .json, .pkl or .parquet")
    parser.add_argument("--trust-pickle", action="store_true", help="read a .pkl, which can execute anything")
    parser.add_argument("--data-root", help="folder of the images (the annotation file's, the config's own)")
    parser.add_argument("--score-thr", type=float, default=0.3, help="draw boxes from this score (%(default)s)")
    parser.add_argument("--count", type=positive, default=12, help="how many images (%(default)s)")
    parser.add_argument("--columns", type=positive, default=4, help="how many in a row (%(default)s)")
    parser.add_argument("--tile", type=positive, default=480, help="longer side of each, in pixels (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("browse.png"), help="image to write (%(default)s)")
    of_config = parser.add_argument_group("of a config", "each image before and after, in DIR one file each")
    of_config.add_argument("--pipeline", metavar="KEY", help="another pipeline of the config, such as test_pipeline")
    of_config.add_argument("--seed", type=int, default=0, help="another draw of the random numbers (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.source.suffix == ".py":
        browse_pipeline(args)
    else:
        browse_annotations(args)


def browse_annotations(args: argparse.Namespace) -> None:
    coco = load_annotations(args.source)
    if args.predictions:
        predictions = read_predictions(args.predictions, ImageTable.from_coco(coco), args.trust_pickle)
        predictions = predictions.select(predictions.scores >= args.score_thr)
    else:
        predictions = from_annotations(coco)

    # Imported late: the stack takes seconds, and the input is checked by now.
    from mmdet_trash.reports.contact_sheet import draw_contact_sheet, write_image

    root = Path(args.data_root) if args.data_root else args.source.parent
    sheet = draw_contact_sheet(
        predictions, args.source, root, args.count, args.columns, args.tile, show_scores=bool(args.predictions)
    )
    write_image(sheet, args.out)
    print(f"{args.out}: {sheet.shape[1]}x{sheet.shape[0]}")


def browse_pipeline(args: argparse.Namespace) -> None:
    from mmdet_trash.engine.config import load_config, set_data_root, use_pipeline
    from mmdet_trash.engine.runner import build_train_dataset
    from mmdet_trash.reports.contact_sheet import grid, write_image
    from mmdet_trash.reports.pipeline_sheet import draw_pipeline

    cfg = load_config(str(args.source))
    set_data_root(cfg, args.data_root)
    if args.pipeline:
        use_pipeline(cfg, args.pipeline)
    pairs = list(draw_pipeline(build_train_dataset(cfg), args.count, args.seed, args.tile))
    if args.out.suffix:
        sheet = grid([tile for pair in pairs for tile in pair], 2 * max(1, args.columns // 2), args.tile)
        write_image(sheet, args.out)
        print(f"{args.out}: {sheet.shape[1]}x{sheet.shape[0]}, each image before and after")
        return
    for number, pair in enumerate(pairs):
        write_image(grid(list(pair), 2, args.tile), args.out / f"{number:03}.png")
    print(f"{args.out}: {len(pairs)} images, each before and after")


if __name__ == "__main__":
    run(main)
