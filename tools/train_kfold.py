#!/usr/bin/env python3
"""Train a config on every fold, gather and score out-of-fold predictions, fuse the test predictions."""

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from mmdet_trash import ledger
from mmdet_trash.cli import positive, run
from mmdet_trash.engine import config as configs
from mmdet_trash.engine.arguments import add_config_arguments, add_training_arguments
from mmdet_trash.engine.fold_engines import LOG, run_local, run_on_ray, visible_gpus
from mmdet_trash.engine.fold_run import CHECKPOINTS
from mmdet_trash.engine.kfold import FUSION, SUBMISSION, KFold, Scores, finish, read_record, start
from mmdet_trash.errors import InputError
from mmdet_trash.files import alone
from mmdet_trash.fusion.manifest import read_manifest


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " What is done stays done: --resume goes on after any end.",
        epilog="example: python tools/train_kfold.py configs/demo/cascade-rcnn_tiny.py --data-root data/trash "
        "--folds-dir data/folds --from-scratch",
    )
    add_config_arguments(parser)
    parser.add_argument("--folds-dir", type=Path, required=True, help="folder that tools/kfold.py wrote")
    parser.add_argument("--work-dir", type=Path, help="where everything goes (work_dirs/<config>_kfold)")
    parser.add_argument("--resume", action="store_true", help="go on with the run of the work dir")
    add_training_arguments(parser)
    parser.add_argument("--checkpoint", choices=CHECKPOINTS, default="best", help="which predicts (%(default)s)")
    parser.add_argument("--tta", action="store_true", help="predict with the config's test-time augmentation")
    parser.add_argument("--fusion", metavar="M.yaml", help="how to fuse, of tools/tune_ensemble.py or by hand")
    parser.add_argument("--test-gt", metavar="GT", help="truth of the test images: score each fold and the fused")
    parser.add_argument("--engine", choices=["local", "ray"], default="local", help="where it runs (%(default)s)")
    parser.add_argument("--jobs", type=positive, help="folds at a time, with --engine local (one a GPU, or one)")
    parser.add_argument("--address", help="of a running Ray cluster (a local one is started)")
    parser.add_argument("--ledger", default="work_dirs/ledger.csv", help="CSV file to enter it in (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = config_of(args)
    settings = read_manifest(args.fusion).settings if args.fusion else FUSION
    work_dir = args.work_dir or Path("work_dirs") / f"{Path(args.config).stem}_kfold"
    kfold = KFold(cfg, args.config, args.folds_dir.resolve(), work_dir.resolve(), args.checkpoint, args.tta)
    start(kfold, args.resume)

    with alone(kfold.work_dir):
        run_folds(kfold, args)
        scores = finish(kfold, settings, args.test_gt)
    enter(args.ledger, kfold, scores)
    show(kfold, scores)


def run_folds(kfold: KFold, args: argparse.Namespace) -> None:
    faults: dict[int, str] = {}

    def report(fold: int, fault: str | None) -> None:
        print(f"fold {fold}: {fault or 'done'}", file=sys.stderr, flush=True)
        if fault:
            faults[fold] = fault

    jobs = [job for job in kfold.jobs if not job.done]
    at_once = args.jobs or len(visible_gpus()) or 1
    if args.engine == "ray" and jobs:
        with progress(kfold):
            run_on_ray(jobs, args.address, report)
    elif at_once > 1 and jobs:
        print(
            f"{at_once} folds at a time, each prints into {kfold.folder(jobs[0].fold) / LOG} and so on", file=sys.stderr
        )
        with progress(kfold):
            run_local(jobs, at_once, report)
    else:
        run_local(jobs, 1, report)
    if faults:
        fold = min(faults)
        others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InputError(f"fold {fold}: {faults[fold]}{others}; --resume goes on with what is left")


@contextmanager
def progress(kfold: KFold) -> Iterator[None]:
    """A bar of each fold's epochs, told by its checkpoints, on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    epochs = kfold.cfg.train_cfg.get("max_epochs")
    console, over = Console(stderr=True), threading.Event()
    with Progress(console=console, transient=True, disable=not (console.is_terminal and epochs)) as bars:
        tasks = {job.fold: bars.add_task(f"fold {job.fold}", total=epochs) for job in kfold.jobs}

        def watch() -> None:
            while not over.wait(1):
                for fold, task in tasks.items():
                    newest = (kfold.folder(fold) / "last.pth").resolve().stem.removeprefix("epoch_")
                    bars.update(task, completed=int(newest) if newest.isdigit() else 0)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def config_of(args: argparse.Namespace) -> Config:
    cfg = configs.load_config(args.config, args.cfg_options)
    configs.set_data_root(cfg, args.data_root)
    configs.whole_paths(cfg)
    if args.from_scratch:
        configs.train_from_scratch(cfg)
    if args.amp:
        configs.use_amp(cfg)
    return cfg


def enter(path: str, kfold: KFold, scores: Scores) -> None:
    record = read_record(kfold.work_dir)
    submission = record["outputs"][-1]
    entry = {"config": kfold.source, "cv": f"{scores.pooled:.5f}", "spread": f"{scores.spread:.5f}", **submission}
    ledger.append(path, {**entry, "checkpoint": " ".join(source["file"] for source in record["checkpoints"])})


def show(kfold: KFold, scores: Scores) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    known = scores.fused is not None
    table = Table("mAP50", Column("validation", justify="right"), title=kfold.source)
    if known:
        table.add_column("test", justify="right")
    for fold, score in enumerate(scores.folds):
        table.add_row(f"fold {fold}", f"{score:.4f}", *([f"{scores.test_folds[fold]:.4f}"] if known else []))
    table.add_section()
    table.add_row("mean ± spread", f"{scores.mean:.4f} ± {scores.spread:.4f}")
    table.add_row("out of fold, pooled", f"{scores.pooled:.4f}")
    if known:
        table.add_row("fused", "", f"{scores.fused:.4f}")
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(f"{kfold.work_dir / SUBMISSION}: checked", soft_wrap=True)


if __name__ == "__main__":
    run(main)
