#!/usr/bin/env python3
"""Can k folds beat the whole? k models on folds, on bootstrap bags and on all images, fused, beside one on all images.

Each seed draws a synthetic dataset of its own, parts it, trains 3k small models for the same number of epochs by
tools/train_kfold.py, and scores them on test images that none has seen. The last checkpoint predicts, so that no model
is chosen by images that another has no use of. A run that is already in the work dir is not made again, so what was
stopped goes on. Prints a table of mAP50; the last line is a JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import yaml

from mmdet_trash.cli import positive, run
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, read_json

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny.py"
SCHEMES = ("whole", "folds", "bags")
FEW = 10
"""Images that a model of the whole is validated on; it has trained on them, so that says nothing."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/bagging.py --seeds 1 --folds 3 --images 200 --epochs 10",
    )
    parser.add_argument("--seeds", type=positive, default=3, help="datasets, each parted and trained on (%(default)s)")
    parser.add_argument("--folds", type=positive, default=3, help="k, models of each kind (%(default)s)")
    parser.add_argument("--images", type=positive, default=200, help="to train on (%(default)s)")
    parser.add_argument("--test-images", type=positive, default=100, help="to score on (%(default)s)")
    parser.add_argument("--size", type=positive, default=256, help="of the images, in pixels a side (%(default)s)")
    parser.add_argument("--scale", type=positive, default=192, help="that the model sees them at (%(default)s)")
    parser.add_argument("--epochs", type=positive, default=10, help="of each training (%(default)s)")
    parser.add_argument("--jobs", type=positive, default=2, help="trainings at a time (%(default)s)")
    parser.add_argument(
        "--work-dir", type=Path, default=ROOT / "work_dirs/bagging", help="where runs are kept (%(default)s)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    scores: dict[str, list[float]] = {}
    for seed in range(args.seeds):
        data = args.work_dir / f"seed{seed}" / "data"
        if not (data / "train.json").exists():
            size = ["--images", args.images, "--test-images", args.test_images, "--size", args.size]
            call("make_synthetic.py", "--out", data, *size, "--seed", seed)
        for scheme in SCHEMES:
            folds = args.work_dir / f"seed{seed}" / f"{scheme}_files"
            part(scheme, data, folds, seed, args.folds)
            found = train(data, folds, args.work_dir / f"seed{seed}" / scheme, seed, args)
            scores.setdefault(f"one of {scheme}", []).append(statistics.mean(found["test_folds"]))
            scores.setdefault(f"{args.folds} of {scheme}, fused", []).append(found["fused"])
    report(scores)


def part(scheme: str, data: Path, folds: Path, seed: int, count: int) -> None:
    """Write the files that k models of a kind are trained on."""
    if scheme == "whole":
        folds.mkdir(exist_ok=True)
        coco = read_json(data / "train.json")
        kept = {image["id"] for image in coco["images"][:FEW]}
        few = {
            **coco,
            "images": coco["images"][:FEW],
            "annotations": [box for box in coco["annotations"] if box["image_id"] in kept],
        }
        for fold in range(count):
            for side, content in (("train", coco), ("val", few)):
                with atomic_write(folds / f"{side}_fold{fold}.json") as file:
                    json.dump(content, file)
    else:
        method = {"folds": "stratified-group", "bags": "bootstrap"}[scheme]
        options = ["--method", method, "--folds", count, "--seed", seed]
        call("kfold.py", "--ann", data / "train.json", "--out-dir", folds, *options)


def train(data: Path, folds: Path, work_dir: Path, seed: int, args: argparse.Namespace) -> dict:
    """Train the models of a kind; give their scores on the test images."""
    scales = {"train_dataloader": 2, "val_dataloader": 1, "test_dataloader": 1}
    call(
        "train_kfold.py", DEMO, "--data-root", data, "--folds-dir", folds, "--work-dir", work_dir, "--resume",
        "--from-scratch", "--checkpoint", "last", "--test-gt", data / "test_truth.json", "--jobs", args.jobs,
        "--ledger", args.work_dir / "ledger.csv", "--cfg-options", f"randomness.seed={100 * seed}",
        f"train_cfg.max_epochs={args.epochs}", f"train_cfg.val_interval={args.epochs}",
        f"param_scheduler.1.T_max={args.epochs}", f"param_scheduler.1.end={args.epochs}",
        "default_hooks.checkpoint.max_keep_ckpts=1",
        *(f"{name}.dataset.pipeline.{at}.scale=({args.scale},{args.scale})" for name, at in scales.items()),
    )  # fmt: skip
    return yaml.safe_load((work_dir / "run.yaml").read_text())["map50"]


def call(tool: str, *arguments: object) -> None:
    command = [sys.executable, str(ROOT / "tools" / tool), *map(str, arguments)]
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "2"})
    if ended.returncode:
        raise InputError(f"tools/{tool} ended with {ended.returncode}")


def report(scores: dict[str, list[float]]) -> None:
    alone = scores["one of whole"]
    print("| models | mAP50, each seed | mean | over one on the whole |")
    print("|---|---|---|---|")
    for name, values in scores.items():
        gain = statistics.mean(values) - statistics.mean(alone)
        each = " ".join(f"{value:.3f}" for value in values)
        print(f"| {name} | {each} | {statistics.mean(values):.3f} | {f'{gain:+.3f}' if values is not alone else ''} |")
    print(json.dumps({"benchmark": "bagging", "cases": {name: {"map50": values} for name, values in scores.items()}}))


if __name__ == "__main__":
    run(main)
