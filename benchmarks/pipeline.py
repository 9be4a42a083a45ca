#!/usr/bin/env python3
"""How fast do mosaics come? Four images, a perspective, a fifth blended in, HSV and flips: from 1024 px to 640.

The peers, in one process, are MMDetection's `MultiImageMixDataset` and its cached transforms, at the same settings.
Ours decodes every image for every sample, keeps a ring of the last ones, or maps a file of decoded images. Then the
peak of the proportional set size of a data loader and its workers, by their number. The last line is a JSON object.
"""

import argparse
import itertools
import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import psutil
import torch
from measure import case, median_seconds
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

from mmdet_trash.cli import positive, run
from mmdet_trash.datasets.synthetic import write_dataset
from mmdet_trash.datasets.transforms import attach
from mmdet_trash.registry import DATASETS

SIZE = (640, 640)
TRANSLATE, SCALE = 0.2, 0.2
FINISH = [{"type": "RandomFlip", "prob": 0.5}, {"type": "mmdet.PackDetInputs"}]
LOAD = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True}]
CHUNK = 16
"""Samples a timed turn."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/pipeline.py --data-root data/trash --repeats 15",
    )
    parser.add_argument("--data-root", type=Path, help="dataset with train.json (100 synthetic images of 1024 px)")
    parser.add_argument("--repeats", type=positive, default=9, help="timed turns of each (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4], help="for the memory (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch, DefaultScope.overwrite_default_scope("mmdet_trash"):
        root = args.data_root or Path(scratch) / "data"
        if args.data_root is None:
            write_dataset(root, images=100, test_images=1, size=1024, seed=0, workers=2)
        datasets = {
            "MultiImageMixDataset": theirs(root),
            "cached transforms": theirs_cached(root),
            "decoded": ours(root, False),
            "ring": ours(root, "ring"),
            "disk": ours(root, {"type": "disk", "folder": scratch}),
        }
        steps = [turns(dataset) for dataset in datasets.values()]
        seconds = dict(zip(datasets, median_seconds(steps, args.repeats), strict=True))
        for name, taken in seconds.items():
            print(f"{name:22} {CHUNK / taken:6.1f} images/s")
        memory = {name: {n: peak_pss(dataset, n) for n in args.workers} for name, dataset in datasets.items()}
        for name, peaks in memory.items():
            print(f"{name:22} peak MiB " + "  ".join(f"{n} workers {mib:.0f}" for n, mib in peaks.items()))
    most = max(args.workers, default=None)
    cases = {}
    for name, peers in {
        "decoded": ["MultiImageMixDataset", "cached transforms"],
        "ring": ["cached transforms"],
        "disk": ["MultiImageMixDataset", "cached transforms"],
    }.items():
        for peer in peers:
            mib = [memory[one].get(most) for one in (name, peer)]
            cases[f"{name}, against {peer}"] = case(peer, [seconds[name], seconds[peer]], mib, None)
    print(json.dumps({"benchmark": "pipeline", "samples": CHUNK, "workers": most, "cases": cases}))


def dataset_cfg(root: Path, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "TrashDataset", "data_root": str(root), "ann_file": "train.json", "pipeline": pipeline}


def ours(root: Path, cache: Any) -> Any:
    mosaic = {"type": "Mosaic", "img_scale": SIZE, "translate": TRANSLATE, "scale": SCALE}
    dataset = DATASETS.build(dataset_cfg(root, [mosaic, {"type": "MixUp"}, {"type": "HSVJitter"}, *FINISH]))
    attach(dataset, cache)
    return dataset


def theirs(root: Path) -> Any:
    mixing = their_mixing("mmdet.Mosaic", "mmdet.MixUp")
    wrapper = {"type": "mmdet.MultiImageMixDataset", "dataset": dataset_cfg(root, LOAD), "pipeline": mixing}
    return DATASETS.build(wrapper)


def theirs_cached(root: Path) -> Any:
    pipeline = [*LOAD, *their_mixing("mmdet.CachedMosaic", "mmdet.CachedMixUp")]
    return DATASETS.build(
        {"type": "TrashDataset", "data_root": str(root), "ann_file": "train.json", "pipeline": pipeline}
    )


def their_mixing(mosaic: str, mixup: str) -> list[dict[str, Any]]:
    return [
        {"type": mosaic, "img_scale": SIZE},
        {
            "type": "mmdet.RandomAffine",
            "max_rotate_degree": 0.0,
            "max_translate_ratio": TRANSLATE,
            "scaling_ratio_range": (1 - SCALE, 1 + SCALE),
            "max_shear_degree": 0.0,
            "border": (-SIZE[0] // 2, -SIZE[1] // 2),
        },
        {"type": mixup, "img_scale": SIZE, "ratio_range": (1.0, 1.0)},
        {"type": "mmdet.YOLOXHSVRandomAug"},
        *FINISH,
    ]


def turns(dataset: Any) -> Callable[[], Any]:
    """A function that makes the next samples."""
    # In order, so that no ring or cache of recent images holds the next one already.
    indices = itertools.cycle(range(len(dataset)))
    return lambda: [dataset[next(indices)] for _ in range(CHUNK)]


def peak_pss(dataset: Any, workers: int) -> float:
    """Most MiB that this process and a data loader's workers held while they made some batches of eight."""
    loader = DataLoader(dataset, batch_size=8, num_workers=workers, shuffle=True, collate_fn=pseudo_collate)
    peak = 0.0
    for _ in loader:
        here = psutil.Process()
        peak = max(peak, sum(one.memory_full_info().pss for one in [here, *here.children(recursive=True)]) / 2**20)
    return peak


if __name__ == "__main__":
    run(main)
