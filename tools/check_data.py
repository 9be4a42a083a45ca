#!/usr/bin/env python3
"""Say what is wrong with a dataset, and write a repaired copy of it."""

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmdet_trash.cli import positive, run
from mmdet_trash.datasets.checks import find_problems
from mmdet_trash.datasets.images import find_image
from mmdet_trash.datasets.repair import repair
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, read_json


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " Exits with 2 when something stands in the way of training.",
        epilog="example: python tools/check_data.py --data-root data/trash --fix data/trash-fixed",
    )
    parser.add_argument("--data-root", type=Path, required=True, help="folder of the annotation files and images")
    parser.add_argument("--ann", nargs="+", help="annotation files under it (train.json and test.json, if there)")
    parser.add_argument(
        "--fix", type=Path, metavar="OUT", help="folder for repaired annotation files; images are linked"
    )
    parser.add_argument("--most", type=positive, default=20, help="how many problems of a file to list (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    root = args.data_root
    names = args.ann or [name for name in ("train.json", "test.json") if (root / name).is_file()]
    if not names:
        raise InputError(f"{root}: has neither train.json nor test.json; --ann names other annotation files")
    if args.fix and args.fix.resolve() == root.resolve():
        raise InputError(f"--fix {args.fix}: is the dataset itself; another folder is right")
    fatal = 0
    for name in names:
        coco = read_json(root / name)
        problems = find_problems(coco, root / name, root)
        fatal += sum(problem.fatal for problem in problems)
        report(name, coco, problems, args.most)
        if args.fix:
            fix(coco, root / name, root, args.fix)
    if fatal and not args.fix:
        sys.exit(2)


def report(name, coco, problems, most):
    console = Console(highlight=False, markup=False)
    if not problems:
        images, boxes = len(coco["images"]), len(coco.get("annotations") or [])
        console.print(f"{name}: {images} images, {boxes} boxes, nothing wrong")
        return
    table = Table("problem", "stops training", "count", title=name)
    for (kind, stops), count in Counter((p.kind, p.fatal) for p in problems).items():
        table.add_row(kind, "yes" if stops else "no", str(count))
    console.print(table)
    for problem in problems[:most]:
        console.print(f"  {problem}", soft_wrap=True)
    if len(problems) > most:
        console.print(f"  … and {len(problems) - most} more (--most)")


def fix(coco, ann_file, root, folder):
    fixed, done = repair(coco, ann_file, root)
    inside = ann_file.resolve().is_relative_to(root.resolve())
    out = folder / (ann_file.resolve().relative_to(root.resolve()) if inside else ann_file.name)
    with atomic_write(out) as file:
        json.dump(fixed, file)
    paths = [find_image(root, image["file_name"], str(ann_file)) for image in fixed["images"]]
    for part in {path.relative_to(root).parts[0] for path in paths if path.is_relative_to(root)}:
        if not (folder / part).exists():
            (folder / part).symlink_to(os.path.relpath((root / part).resolve(), folder.resolve()))
    print(f"{out}: written; " + (", ".join(f"{count} {what}" for what, count in done.items()) or "nothing to mend"))


if __name__ == "__main__":
    run(main)
