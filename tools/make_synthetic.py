"""Draw a dataset in the competition's layout."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mmdet_trash.cli import run
from mmdet_trash.datasets.synthetic import write_dataset


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Draw a dataset in the competition's layout: train.json, test.json, the images they name, and "
        "test_truth.json, the test images' annotations. The same seed draws the same images.",
        epilog="example: python tools/make_synthetic.py --out data/synthetic --images 400 --test-images 40",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to; made if missing")
    parser.add_argument("--images", type=int, default=400, help="training images (%(default)s)")
    parser.add_argument("--test-images", type=int, default=40, help="test images (%(default)s)")
    parser.add_argument("--size", type=int, default=512, help="pixels a side, 64 or more (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="0 or more (%(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace the dataset that the folder holds")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    columns = (TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=args.images + args.test_images)
        write_dataset(
            args.out,
            args.images,
            args.test_images,
            args.size,
            args.seed,
            progress=lambda done: bar.update(task, completed=done),
            overwrite=args.overwrite,
        )
    print(f"{args.out}: {args.images} training and {args.test_images} test images", file=sys.stderr)


if __name__ == "__main__":
    run(main)
