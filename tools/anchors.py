#!/usr/bin/env python3
"""Fit a config's anchors to the boxes of its training annotations, those held out among them."""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import positive, run
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, check_no_input, check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " It tells how well the present ones and the fitted ones fit, and the line to change.",
        epilog="example: python tools/anchors.py configs/yolov7/yolov7_tiny_trash.py --ann data/trash/train.json",
    )
    parser.add_argument("config", help="a YOLOv7's or YOLOv3's config")
    parser.add_argument("--ann", nargs="+", help="annotation files (those that the config trains on)")
    parser.add_argument("--data-root", help="folder of the data, in place of the config's")
    parser.add_argument("--img-size", type=positive, nargs=2, metavar=("W", "H"), help="size of training images")
    parser.add_argument("--generations", type=positive, default=1000, help="tries of the evolution (%(default)s)")
    parser.add_argument("--ratio-thr", type=float, help="what is no longer near enough (the head's own, or 4)")
    parser.add_argument("--seed", type=int, default=0, help="of k-means and evolution (%(default)s)")
    parser.add_argument("--out", type=Path, help="config to write, which inherits from CONFIG")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # Imported late: the stack takes seconds, and --help has none of it.
    from mmdet_trash.datasets.anchors import anchor_fit, box_sizes, fit_anchors
    from mmdet_trash.engine.config import ann_paths, load_config, set_data_root

    cfg = load_config(args.config)
    head = cfg.get("model", {}).get("bbox_head", {})
    present, line = anchors_of(head, args.config)
    ratio_thr = head.get("ratio_thr", 4.0) if args.ratio_thr is None else args.ratio_thr
    if not ratio_thr > 1:
        raise InputError(f"--ratio-thr {ratio_thr}: above 1 is right")
    img_scale = args.img_size or cfg.get("img_scale")
    if img_scale is None:
        raise InputError(f"{args.config}: has no img_scale; --img-size says how large training images are")
    if not args.ann:
        set_data_root(cfg, args.data_root)
    files = args.ann or ann_paths(cfg, "train_dataloader")
    if args.out:
        check_no_input(args.out, [args.config, *files])
        check_writable(args.out)
    sizes = np.concatenate([box_sizes(load_annotations(file), tuple(img_scale)) for file in files])

    flat = np.array(present, dtype=np.float64).reshape(-1, 2)
    fitted = fit_anchors(sizes, len(flat), ratio_thr, args.generations, args.seed).round().clip(1)
    table = Table("anchors", "fitness", "best possible recall", "near enough to a box")
    table.title = f"{len(sizes)} boxes at {img_scale[0]}x{img_scale[1]}"
    for name, anchors in (("present", flat), ("fitted", fitted)):
        fit = anchor_fit(sizes, anchors, ratio_thr)
        table.add_row(name, f"{fit.fitness:.4f}", f"{fit.recall:.4f}", f"{fit.per_box:.2f}")
    Console().print(table)

    levels = in_order_of(present, fitted)
    print(line.format(levels))
    if args.out:
        base = os.path.relpath(args.config, args.out.parent)
        with atomic_write(args.out) as file:
            file.write(
                f"# {Path(args.config).name} with anchors fitted to {', '.join(Path(file).name for file in files)}.\n"
                f'_base_ = "{base}"\n\nmodel = dict(bbox_head=dict({line.format(levels)}))\n'
            )


def anchors_of(head: Any, path: str) -> tuple[list, str]:
    """The levels' anchors of a head's config, and how a line of it states them."""
    generator = head.get("anchor_generator", {})
    found, line = head.get("anchors"), "anchors={}"
    if found is None:
        found, line = generator.get("base_sizes"), "anchor_generator=dict(base_sizes={})"
    if not found or np.ndim(found[0]) != 2:
        raise InputError(f"{path}: its head states no anchors that are pairs of width and height")
    return found, line


def in_order_of(present: list, anchors: np.ndarray) -> list[list[tuple[int, int]]]:
    """Share anchors, by rising area, out to levels: the smallest to the level whose were."""
    areas = [np.prod(level, axis=1).mean() for level in present]
    parts = np.split(anchors.astype(int), np.cumsum([len(level) for level in present])[:-1])
    levels: list[list[tuple[int, int]]] = [[] for _ in present]
    for level, part in zip(np.argsort(areas), parts, strict=True):
        levels[level] = [(int(w), int(h)) for w, h in part]
    return levels


if __name__ == "__main__":
    run(main)
