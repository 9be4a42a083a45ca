"""From the YOLO family's table of hyperparameters to a pipeline."""

import difflib
from collections.abc import Mapping
from typing import Any

from mmdet_trash.errors import InputError

HYP = {
    "hsv_h": 0.015,
    "hsv_s": 0.7,
    "hsv_v": 0.4,
    "degrees": 0.0,
    "translate": 0.2,
    "scale": 0.2,
    "shear": 0.0,
    "perspective": 0.0,
    "flipud": 0.0,
    "fliplr": 0.5,
    "mosaic": 1.0,
    "mixup": 0.15,
    "copy_paste": 0.0,
    "paste_in": 0.15,
    "loss_ota": 1,
}
"""The table with which YOLOv7 (https://arxiv.org/abs/2207.02696) was trained on the competition's images."""


def yolo_pipeline(hyp: Mapping[str, float], img_scale: tuple[int, int]) -> list[dict[str, Any]]:
    """A training pipeline from a table of hyperparameters, to be edited further or taken as it is.

    In order: `mosaic` of four images through one perspective (`degrees`, `translate`, `scale`, `shear`,
    `perspective`), `copy_paste` of own objects mirrored, `mixup` with another such mosaic, `hsv_h`, `hsv_s`, `hsv_v`,
    `paste_in` of other images' objects, `flipud` and `fliplr`, each on its own.

    Args:
        hyp: values by name, as in :data:`HYP`. A name left out is 0, which turns its step off. `loss_ota` is not the
            pipeline's: :func:`yolo_matching` reads it.
        img_scale: `(width, height)` of the output.

    Raises:
        InputError: for a name that nobody reads, naming the nearest, or a probability that is none.
    """
    hyp = {**dict.fromkeys(HYP, 0), **check_hyp(hyp)}
    mosaic = {
        "type": "Mosaic",
        "img_scale": img_scale,
        "prob": hyp["mosaic"],
        **{name: hyp[name] for name in ("degrees", "translate", "scale", "shear", "perspective")},
    }
    mirrored = [{"type": "MirrorPaste", "share": hyp["copy_paste"]}] * bool(hyp["copy_paste"])
    pipeline: list[dict[str, Any]] = [mosaic, *mirrored]
    if hyp["mixup"]:
        pipeline.append({"type": "MixUp", "prob": hyp["mixup"], "pre_transform": [mosaic, *mirrored]})
    if hyp["hsv_h"] or hyp["hsv_s"] or hyp["hsv_v"]:
        gains = {"hue": hyp["hsv_h"], "saturation": hyp["hsv_s"], "value": hyp["hsv_v"]}
        pipeline.append({"type": "HSVJitter", **gains})
    if hyp["paste_in"]:
        pipeline.append({"type": "CopyPaste", "prob": hyp["paste_in"]})
    across, down = hyp["fliplr"], hyp["flipud"]
    if across or down:
        probs = [across * (1 - down), down * (1 - across), across * down]
        pipeline.append({"type": "RandomFlip", "prob": probs, "direction": ["horizontal", "vertical", "diagonal"]})
    return [*pipeline, {"type": "PackDetInputs"}]


def yolo_matching(hyp: Mapping[str, float]) -> str:
    """How a head matches boxes to objects: "simota" with `loss_ota` 1, "anchor_ratio" with 0.

    Raises:
        InputError: as :func:`yolo_pipeline`.
    """
    return "simota" if check_hyp(hyp).get("loss_ota") else "anchor_ratio"


def check_hyp(hyp: Mapping[str, float]) -> Mapping[str, float]:
    """The table itself.

    Raises:
        InputError: for a name that nobody reads, or a probability that is none.
    """
    for name, value in hyp.items():
        if name not in HYP:
            close = difflib.get_close_matches(name, HYP, n=1, cutoff=0.0)[0]
            raise InputError(f"hyp: {name!r} is read by nothing; did you mean {close!r}?")
        if name in ("flipud", "fliplr", "mosaic", "mixup", "copy_paste", "paste_in") and not 0 <= value <= 1:
            raise InputError(f"hyp: {name} {value} is no probability")
        if name == "loss_ota" and value not in (0, 1):
            raise InputError(f"hyp: loss_ota {value} is neither 0 nor 1")
    return hyp
