#!/usr/bin/env python3
"""Run a checkpoint over the validation or test images, score it and write its predictions."""

import argparse

from mmdet_trash.cli import run
from mmdet_trash.engine.arguments import add_run_arguments, config_of
from mmdet_trash.engine.runs import run_test
from mmdet_trash.files import check_writable
from mmdet_trash.predictions.writers import writer_for


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/test.py configs/demo/cascade-rcnn_tiny.py work_dirs/demo/last.pth "
        "--data-root data/trash --split test --out submission.csv",
    )
    add_run_arguments(parser)
    parser.add_argument("checkpoint", help="weights, as tools/train.py leaves them")
    parser.add_argument("--split", choices=["val", "test"], default="val", help="which images (%(default)s)")
    parser.add_argument("--out", help="file for the predictions: .csv, .json, .pkl or .parquet")
    parser.add_argument("--tta", action="store_true", help="test-time augmentation, as the config says")
    parser.add_argument("--score-thr", type=float, default=0.0, help="drop boxes below this score (%(default)s)")
    parser.add_argument("--work-dir", help="where logs go (test/ beside the checkpoint)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.out:
        writer_for(args.out)
        check_writable(args.out)
    cfg = config_of(args, fold_parts=("val",))
    options = {"out": args.out, "score_thr": args.score_thr, "tta": args.tta}
    run_test(cfg, args.checkpoint, args.split, **options, launcher=args.launcher, work_dir=args.work_dir)


if __name__ == "__main__":
    run(main)
