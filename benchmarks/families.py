#!/usr/bin/env python3
"""Do three families of detectors learn, and is their fusion better than the best of them?

Trains a Cascade R-CNN with AugFPN, a YOLOv7-tiny and a DINO, each small and from random weights, on the same synthetic
images; then scores each, and every fusion of two or three, on test images that neither training nor the choice of a
checkpoint has seen. Fused as `tools/test.py --tta` fuses, with nothing searched. What is already in the work dir is not
made again, so what was stopped goes on. Prints a table of mAP50; the last line is a JSON object.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import positive, run
from mmdet_trash.errors import InputError
from mmdet_trash.evaluation import evaluate_coco
from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.predictions import ImageTable, Predictions, read_predictions

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = {
    "Cascade R-CNN with AugFPN": "cascade-rcnn_tiny_augfpn",
    "YOLOv7-tiny": "yolov7_tiny",
    "DINO": "dino_tiny",
}
FUSION = FusionSettings(iou_thr=0.65, conf_type="model_max", one_vote=True, max_per_img=300)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/families.py --work-dir work_dirs/families",
    )
    parser.add_argument("--images", type=positive, default=1000, help="drawn to train on (%(default)s)")
    parser.add_argument("--test-images", type=positive, default=200, help="to score on (%(default)s)")
    parser.add_argument("--threads", type=positive, default=2, help="CPU threads of a training (%(default)s)")
    parser.add_argument(
        "--work-dir", type=Path, default=ROOT / "work_dirs/families", help="where all is kept (%(default)s)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    data = args.work_dir / "data"
    if not (data / "test_truth.json").exists():
        call("make_synthetic", args, "--out", data, "--images", args.images, "--test-images", args.test_images)
    truth = load_annotations(data / "test_truth.json")
    images = ImageTable.from_coco(truth)
    models = {family: predictions_of(config, args, images) for family, config in CONFIGS.items()}

    print("| predictions | mAP50 | mAP |")
    print("|---|---|---|")
    cases = {}
    for count in range(1, len(models) + 1):
        for names in itertools.combinations(models, count):
            fused = models[names[0]] if count == 1 else fuse([models[name] for name in names], FUSION)
            found = evaluate_coco(truth, fused).summary
            cases[" + ".join(names)] = found["mAP50"]
            print(f"| {' + '.join(names)} | {found['mAP50']:.3f} | {found['mAP']:.3f} |")
    best = max(cases[name] for name in models)
    together = cases[" + ".join(models)]
    print(json.dumps({"benchmark": "families", "mAP50": cases, "gain": round(together - best, 4)}))
    sys.exit(together <= best)


def predictions_of(config: str, args: argparse.Namespace, images: ImageTable) -> Predictions:
    """What a config's best checkpoint finds in the test images; trained and tested where that is not done."""
    work_dir, path = args.work_dir / config, ROOT / "configs" / "demo" / f"{config}.py"
    common = ["--data-root", args.work_dir / "data", "--from-scratch"]
    if not (work_dir / "test.parquet").exists():
        call("train", args, path, *common, "--work-dir", work_dir, "--resume")
        (best,) = work_dir.glob("best_mAP50_epoch_*.pth")
        call("test", args, path, best, *common[:2], "--split", "test", "--out", work_dir / "test.parquet")
    return read_predictions(work_dir / "test.parquet", images)


def call(tool: str, args: argparse.Namespace, *options: object) -> None:
    """Run one of the tools in a process of its own."""
    command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), *map(str, options)]
    env = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    ended = subprocess.run(command, env=env, stdout=sys.stderr)
    if ended.returncode:
        raise InputError(f"{' '.join(command[1:])}: ended with code {ended.returncode}")


if __name__ == "__main__":
    run(main)
