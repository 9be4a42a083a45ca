#!/usr/bin/env python3
"""What does each part of AugFPN bring? Trains small configs from several seeds and compares their mAP50.

Every run gets the same number of epochs and is scored once, at its end, on the same held-out images. A run that is
already in the work dir is not made again, so what was stopped goes on. Prints a table: mean and sample standard
deviation over the seeds, and the gain over FPN with its standard error, which know the noise of training and not that
of so few images. The last line is a JSON object.
"""

import argparse
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config

from mmdet_trash.cli import positive, run
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, read_json

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "configs" / "demo"
BASELINE = DEMO / "faster-rcnn_tiny.py"
ABLATION = [BASELINE, *sorted((DEMO / "augfpn").glob("*.py"))]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/augfpn_ablation.py --data-root work_dirs/demo/data --configs fpn all",
    )
    parser.add_argument("--data-root", type=Path, required=True, help="folder of train.json and the images")
    parser.add_argument(
        "--configs",
        nargs="+",
        default=[name_of(path) for path in ABLATION],
        choices=[name_of(path) for path in ABLATION],
        metavar="NAME",
        help="of configs/demo/augfpn, or fpn for the baseline (all of them)",
    )
    parser.add_argument("--seeds", type=positive, default=3, help="runs of each config (%(default)s)")
    parser.add_argument("--epochs", type=positive, default=15, help="of each run (%(default)s)")
    parser.add_argument("--threads", type=positive, default=2, help="CPU threads of a run (%(default)s)")
    parser.add_argument(
        "--work-dir", type=Path, default=ROOT / "work_dirs/augfpn", help="where runs are kept (%(default)s)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    paths = {name_of(path): path for path in ABLATION}
    scores: dict[str, list[float]] = {name: [] for name in args.configs}
    for seed in range(args.seeds):
        for name in args.configs:
            work_dir = args.work_dir / f"{name}_seed{seed}"
            check_same_run(work_dir, paths[name], args)
            if score_of(work_dir) is None:
                train(paths[name], work_dir, seed, args)
            score = score_of(work_dir)
            if score is None:
                raise InputError(f"{work_dir}: the run ended without a score; see its log there")
            scores[name].append(score)
    report(scores, args)


def name_of(config: Path) -> str:
    return "fpn" if config == BASELINE else config.stem


def check_same_run(work_dir: Path, config: Path, args: argparse.Namespace) -> None:
    """Note what a folder's run is of, and refuse a folder of something else."""
    digest = hashlib.sha256(Config.fromfile(config).pretty_text.encode()).hexdigest()
    note = {"config": digest, "data_root": str(args.data_root.resolve()), "epochs": args.epochs}
    path = work_dir / "run.json"
    if not path.exists():
        with atomic_write(path) as file:
            json.dump(note, file)
    for what, value in read_json(path).items():
        if note.get(what) != value:
            raise InputError(f"{work_dir}: holds a run of another {what}; give another --work-dir")


def train(config: Path, work_dir: Path, seed: int, args: argparse.Namespace) -> None:
    """Train and score one run in a process of its own."""
    command = [sys.executable, ROOT / "tools" / "train.py", config, "--data-root", args.data_root, "--from-scratch"]
    command += ["--work-dir", work_dir, "--cfg-options", f"randomness.seed={seed}"]
    command += [f"train_cfg.max_epochs={args.epochs}", f"train_cfg.val_interval={args.epochs}"]
    command += [f"param_scheduler.1.T_max={args.epochs}", f"param_scheduler.1.end={args.epochs}"]
    command += ["default_hooks.checkpoint.max_keep_ckpts=1"]
    env = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    ended = subprocess.run([str(part) for part in command], env=env, stdout=subprocess.DEVNULL)
    if ended.returncode:
        raise InputError(f"{work_dir}: the run ended with code {ended.returncode}")


def score_of(work_dir: Path) -> float | None:
    """The last mAP50 that a run's log holds."""
    scores = [
        json.loads(line)["mAP50"]
        for log in sorted(work_dir.glob("*/vis_data/scalars.json"))
        for line in log.read_text().splitlines()
        if '"mAP50"' in line
    ]
    return scores[-1] if scores else None


def report(scores: dict[str, list[float]], args: argparse.Namespace) -> None:
    baseline = scores.get("fpn")
    print("| config | mAP50, mean ± deviation | gain over FPN ± standard error | each seed |")
    print("|---|---|---|---|")
    cases = {}
    for name, values in scores.items():
        compared = baseline is not None and name != "fpn"
        gain = statistics.mean(values) - statistics.mean(baseline) if compared else None
        error = math.hypot(standard_error(values), standard_error(baseline)) if compared else None
        each = " ".join(f"{value:.3f}" for value in values)
        deviation = standard_error(values) * math.sqrt(len(values))
        against = f"{gain:+.3f} ± {error:.3f}" if compared else ""
        line = f"| {name} | {statistics.mean(values):.3f} ± {deviation:.3f} | {against} | {each} |"
        print(line.replace(" ± nan", ""))  # unknown from one run
        cases[name] = {"peer": "fpn", "mAP50": values, "gain": gain}
    print(json.dumps({"benchmark": "augfpn_ablation", "epochs": args.epochs, "cases": cases}))


def standard_error(values: list[float]) -> float:
    """Of the mean of some runs; unknown, NaN, for one."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


if __name__ == "__main__":
    run(main)
