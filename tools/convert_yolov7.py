#!/usr/bin/env python3
"""Turn weights of YOLOv7's release, tiny or l, into a checkpoint of ours; nothing in the file is executed."""

import argparse
from pathlib import Path

from mmdet_trash.cli import run
from mmdet_trash.files import check_no_input, check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " A config takes it by load_from, or as the model's init_cfg.",
        epilog="example: python tools/convert_yolov7.py yolov7-tiny.pt yolov7_tiny.pth",
    )
    parser.add_argument("release", help="file of the release: a model, or its weights alone")
    parser.add_argument("out", type=Path, help="checkpoint to write")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # Imported late: torch takes its time, and --help has none of it.
    from mmdet_trash.engine.averaging import write_checkpoint
    from mmdet_trash.engine.pickled_weights import load_pickled_weights
    from mmdet_trash.models.detectors.yolov7 import convert_official_state_dict, official_size

    check_no_input(args.out, [args.release])
    check_writable(args.out)
    weights = load_pickled_weights(args.release)
    converted = convert_official_state_dict(weights)
    write_checkpoint({"state_dict": converted, "meta": {}}, args.out)
    print(f"{args.out}: YOLOv7-{official_size(weights)}, {len(converted)} tensors")


if __name__ == "__main__":
    run(main)
