#!/usr/bin/env python3
"""Run a checkpoint over the validation or test images, score it and write its predictions."""

import argparse
from pathlib import Path

from mmdet_trash.cli import run
from mmdet_trash.engine import config as configs
from mmdet_trash.engine.arguments import add_run_arguments, config_of
from mmdet_trash.engine.checkpoint import load_local, load_weights, trained_classes
from mmdet_trash.engine.runner import build_runner, config_mistakes
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
    checkpoint = load_local(args.checkpoint)

    cfg = config_of(args, fold_parts=("val",))
    configs.train_from_scratch(cfg)  # the weights come from the checkpoint
    configs.use_split(cfg, args.split)
    classes = trained_classes(checkpoint) or configs.classes_of(cfg, "test_dataloader")
    configs.set_classes(cfg, classes, "test_dataloader", args.checkpoint)
    if args.tta:
        configs.use_tta(cfg)
    configs.fit_machine(cfg, args.launcher)
    cfg.work_dir = args.work_dir or str(Path(args.checkpoint).parent / "test")
    cfg.load_from = args.checkpoint
    configs.write_predictions_to(cfg, args.out, args.score_thr)

    runner = build_runner(cfg)
    model = runner.model
    while hasattr(model, "module"):  # several processes and test-time augmentation each wrap the detector
        model = model.module
    load_weights(model, checkpoint, args.checkpoint)
    with config_mistakes():
        runner.test()


if __name__ == "__main__":
    run(main)
