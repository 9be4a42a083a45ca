#!/usr/bin/env python3
"""Train a detector."""

import argparse
from pathlib import Path

from mmdet_trash.cli import run
from mmdet_trash.engine.arguments import add_run_arguments, add_training_arguments, config_of
from mmdet_trash.engine.runs import prepare_training, run_training


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/train.py configs/demo/cascade-rcnn_tiny.py --data-root data/trash --from-scratch"
        "; several GPUs: torchrun --nproc_per_node 4 tools/train.py CONFIG --launcher pytorch",
    )
    add_run_arguments(parser)
    parser.add_argument("--work-dir", help="where checkpoints and logs go (work_dirs/<config>[/fold<k>])")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint of the work dir, if any")
    add_training_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = config_of(args)
    work_dir = args.work_dir or cfg.get("work_dir") or default_work_dir(args.config, args.fold)
    prepare_training(cfg, work_dir, from_scratch=args.from_scratch, amp=args.amp, launcher=args.launcher)
    run_training(cfg, args.resume)


def default_work_dir(config: str, fold: int | None) -> str:
    return str(Path("work_dirs") / Path(config).stem / (f"fold{fold}" if fold is not None else ""))


if __name__ == "__main__":
    run(main)
