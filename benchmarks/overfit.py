#!/usr/bin/env python3
"""Does it learn real photographs? Overfits a few of them and scores the same few.

A detector that cannot learn sixteen photographs by heart has a fault somewhere between the file and the loss. The last
line is a JSON object with the mAP50 reached; the exit code is 1 when it is under the target.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import run
from mmdet_trash.engine import config as configs
from mmdet_trash.engine.runner import build_runner
from mmdet_trash.files import atomic_write

ROOT = Path(__file__).resolve().parent.parent
CASCADE = ROOT / "configs" / "demo" / "cascade-rcnn_tiny.py"
TARGET = 0.60


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/overfit.py --data-root ../shared/data/litter",
    )
    parser.add_argument("--config", default=str(CASCADE), help="a tiny config (Cascade R-CNN's)")
    parser.add_argument("--data-root", type=Path, required=True, help="folder of train.json and the photographs")
    parser.add_argument("--images", type=int, default=16, help="how many photographs (%(default)s)")
    parser.add_argument("--epochs", type=int, default=200, help="times each is seen (%(default)s)")
    parser.add_argument("--size", type=int, default=512, help="longer side in pixels (%(default)s)")
    parser.add_argument("--work-dir", default="work_dirs/overfit", help="where checkpoints and logs go (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    few = Path(args.work_dir) / "few.json"
    with atomic_write(few) as file:
        json.dump(first_images(load_annotations(args.data_root / "train.json"), args.images), file)

    cfg = configs.load_config(args.config)
    configs.set_data_root(cfg, str(args.data_root))
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.update(ann_file=str(few.resolve()), holdout=None)
        for step in loader.dataset.pipeline:
            if step.type == "Resize":
                step.scale = (args.size, args.size)
    flip = next(step for step in cfg.train_dataloader.dataset.pipeline if step.type == "RandomFlip")
    cfg.train_dataloader.dataset.pipeline.remove(flip)
    cfg.train_cfg.update(max_epochs=args.epochs, val_interval=args.epochs)
    cfg.param_scheduler[1].update(T_max=args.epochs, end=args.epochs)
    configs.train_from_scratch(cfg)
    configs.set_classes(cfg, configs.classes_of(cfg, "train_dataloader"), "val_dataloader", "the training data")
    cfg.work_dir = args.work_dir

    runner = build_runner(cfg)
    start = time.perf_counter()
    runner.train()
    seconds = time.perf_counter() - start
    reached = float(runner.message_hub.get_scalar("val/mAP50").current())
    case = {"mAP50": round(reached, 4), "target": TARGET, "peer": None, "ours_s": round(seconds, 1), "ratio": None}
    print(json.dumps({"benchmark": "overfit", "cases": {f"{args.images} photographs": case}}))
    sys.exit(reached < TARGET)


def first_images(coco: dict, count: int) -> dict:
    """The part of an annotation file that is about its first images with boxes."""
    boxed = {annotation["image_id"] for annotation in coco["annotations"]}
    images = [image for image in coco["images"] if image["id"] in boxed][:count]
    chosen = {image["id"] for image in images}
    annotations = [annotation for annotation in coco["annotations"] if annotation["image_id"] in chosen]
    return {**coco, "images": images, "annotations": annotations}


if __name__ == "__main__":
    run(main)
