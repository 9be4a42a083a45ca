#!/usr/bin/env python3
"""How evenly does a split share out the classes? Ours beside iterative stratification, on an annotation file.

The peer is `MultilabelStratifiedKFold` of iterative-stratification, which parts images by labels that each has or has
not: here whether it has 1, 2, 4 or 8 boxes of a class. The deviation is that of the worst class in the worst fold from
its share, the mean over the seeds. Needs neither groups nor images. The last line is a JSON object.
"""

import argparse
import json
import statistics
import warnings

import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
from measure import case, median_seconds

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import positive, run
from mmdet_trash.datasets.folds import Folds, balance, stratified_folds
from mmdet_trash.predictions import from_annotations

LEAST = (1, 2, 4, 8)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/folds.py --ann data/trash/train.json --folds 5",
    )
    parser.add_argument("--ann", required=True, help="annotation file")
    parser.add_argument("--folds", type=positive, default=5, help="(%(default)s)")
    parser.add_argument("--seeds", type=positive, default=5, help="splits of each (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    coco = load_annotations(args.ann)
    groups = np.arange(len(coco["images"]))
    labels = has_labels(coco)

    def ours(seed: int) -> Folds:
        return stratified_folds(coco, groups, args.folds, seed)

    def theirs(seed: int) -> Folds:
        parts = MultilabelStratifiedKFold(args.folds, shuffle=True, random_state=seed).split(labels, labels)
        return Folds(np.stack([~np.isin(groups, chosen) for _, chosen in parts]).astype(np.int64), groups)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        seconds = median_seconds([lambda: ours(0), lambda: theirs(0)], 3)
        worst = {
            name: [balance(coco, split(seed)).worst for seed in range(args.seeds)]
            for name, split in (("ours", ours), ("peer", theirs))
        }
    for name, found in worst.items():
        print(f"{name}: " + ", ".join(f"{label} {100 * deviation:+.1f} %" for deviation, _, label in found))
    deviation = {name: statistics.mean(abs(value) for value, *_ in found) for name, found in worst.items()}
    found = case("iterative-stratification", seconds, [None, None], None)
    print(json.dumps({"benchmark": "folds", "cases": {f"{args.folds} folds": {**found, "worst_deviation": deviation}}}))


def has_labels(coco: dict) -> np.ndarray:
    """(M, 4 C) int64, whether an image has so many boxes of a class."""
    boxes = from_annotations(coco)
    counts = np.zeros((len(boxes.images), len(boxes.images.classes)), np.int64)
    np.add.at(counts, (boxes.image_index, boxes.labels), 1)
    return np.concatenate([counts >= least for least in LEAST], axis=1).astype(np.int64)


if __name__ == "__main__":
    run(main)
