#!/usr/bin/env python3
"""Average checkpoints, or make a slim copy of one: weights and class names alone."""

import argparse
from pathlib import Path

from mmdet_trash.cli import run
from mmdet_trash.files import check_no_input, check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " What comes out is for tools/test.py; it cannot be resumed.",
        epilog="example: python tools/average.py work_dirs/demo/epoch_14.pth work_dirs/demo/epoch_15.pth --out avg.pth",
    )
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="files as tools/train.py leaves them")
    parser.add_argument("--out", required=True, help="checkpoint to write")
    parser.add_argument("--weights", nargs="+", type=float, metavar="W", help="one a checkpoint (all the same)")
    parser.add_argument(
        "--raw", action="store_true", help="of a run with EMA, the weights as trained, not their average"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # Imported late: torch takes its time, and --help has none of it.
    from mmdet_trash.engine.averaging import average_checkpoints, write_checkpoint
    from mmdet_trash.engine.checkpoint import trained_classes

    check_no_input(args.out, args.checkpoints)
    check_writable(args.out)
    checkpoint = average_checkpoints(args.checkpoints, args.weights, args.raw)
    write_checkpoint(checkpoint, args.out)

    number = len(args.checkpoints)
    what = f"the mean of {number} checkpoints" if number > 1 else f"the weights of {args.checkpoints[0]}"
    classes = trained_classes(checkpoint)
    known = "no classes stated" if classes is None else f"{len(classes)} classes"
    size = Path(args.out).stat().st_size / 2**20
    print(f"{args.out}: {what}, {len(checkpoint['state_dict'])} tensors, {known}, {size:.1f} MiB")


if __name__ == "__main__":
    run(main)
