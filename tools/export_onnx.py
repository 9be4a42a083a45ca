#!/usr/bin/env python3
"""Write a trained YOLOv7 as ONNX, merged for deployment."""

import argparse

from mmdet_trash.cli import run
from mmdet_trash.errors import InputError
from mmdet_trash.files import check_no_input, check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " Images go in as (N, 3, H, W), RGB from 0 to 1, sides in multiples of 32 px; boxes come "
        "out as (N, boxes, 5 + classes): centre and sides in pixels, objectness, class scores.",
        epilog="example: python tools/export_onnx.py configs/yolov7/yolov7_tiny_trash.py work_dirs/mine/best.pth "
        "--out yolov7.onnx",
    )
    parser.add_argument("config", help="the config it was trained by")
    parser.add_argument("checkpoint", help="weights, as tools/train.py leaves them")
    parser.add_argument("--out", required=True, help="file to write")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # Imported late: the stack takes seconds, and --help has none of it.
    from mmdet_trash.engine.checkpoint import load_local, load_weights, trained_classes
    from mmdet_trash.engine.config import load_config, set_heads, train_from_scratch
    from mmdet_trash.engine.export import export_onnx
    from mmdet_trash.engine.runner import build_model

    check_no_input(args.out, [args.checkpoint])
    check_writable(args.out)
    cfg = load_config(args.config)
    detector = cfg.get("model", {}).get("type")
    if detector != "YOLOv7":
        raise InputError(f"{args.config}: its model is {detector}, a YOLOv7 can be exported")
    train_from_scratch(cfg)  # the weights come from the checkpoint
    weights = load_local(args.checkpoint)
    classes = trained_classes(weights)
    if classes is not None:
        set_heads(cfg, classes)
    model = build_model(cfg)
    load_weights(model, weights, args.checkpoint)
    export_onnx(model, args.out, classes)
    print(f"{args.out}: {model.bbox_head.num_classes} classes")


if __name__ == "__main__":
    run(main)
