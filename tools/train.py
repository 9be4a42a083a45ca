#!/usr/bin/env python3
"""Train a detector."""

import argparse
from pathlib import Path

from mmdet_trash.cli import run
from mmdet_trash.engine import config as configs
from mmdet_trash.engine.arguments import add_run_arguments, config_of
from mmdet_trash.engine.checkpoint import latest_checkpoint
from mmdet_trash.engine.runner import build_runner, config_mistakes


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/train.py configs/demo/cascade-rcnn_tiny.py --data-root data/trash --from-scratch"
        "; several GPUs: torchrun --nproc_per_node 4 tools/train.py CONFIG --launcher pytorch",
    )
    add_run_arguments(parser)
    parser.add_argument("--work-dir", help="where checkpoints and logs go (work_dirs/<config>[/fold<k>])")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint of the work dir, if any")
    parser.add_argument("--amp", action="store_true", help="mixed precision, on a GPU")
    parser.add_argument("--from-scratch", action="store_true", help="load no initial weights")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = config_of(args)
    if args.from_scratch:
        configs.train_from_scratch(cfg)
    if args.amp:
        configs.use_amp(cfg)
    configs.set_classes(cfg, configs.classes_of(cfg, "train_dataloader"), "val_dataloader", "the training data")
    configs.fit_machine(cfg, args.launcher)
    cfg.work_dir = args.work_dir or cfg.get("work_dir") or default_work_dir(args.config, args.fold)
    if args.resume:
        checkpoint = latest_checkpoint(Path(cfg.work_dir))
        print(f"{cfg.work_dir}: {f'going on from {checkpoint.name}' if checkpoint else 'no checkpoint, starting anew'}")
        cfg.resume = checkpoint is not None
        cfg.load_from = str(checkpoint) if checkpoint else cfg.load_from

    runner = build_runner(cfg)
    with config_mistakes():
        runner.train()


def default_work_dir(config: str, fold: int | None) -> str:
    return str(Path("work_dirs") / Path(config).stem / (f"fold{fold}" if fold is not None else ""))


if __name__ == "__main__":
    run(main)
