"""A trained YOLOv7 as a file for ONNX runtimes."""

import contextlib
import importlib.util
import io
import json
import logging
import os
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write
from mmdet_trash.models.detectors import YOLOv7

MULTIPLE, LARGEST = 32, 64 * 32
"""Sides of an image, in pixels, are multiples of the coarsest stride; the largest is what the export is told."""


class Exported(nn.Module):
    """From images to all boxes, before suppression."""

    def __init__(self, model: YOLOv7) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Turn (N, 3, H, W), RGB from 0 to 1, into (N, boxes, 5 + classes): xywh in pixels, objectness, classes."""
        return self.model.bbox_head.decode(self.model._forward(images)[0])


def export_onnx(model: nn.Module, path: str | os.PathLike[str], classes: Sequence[str] | None = None) -> None:
    """Write a YOLOv7, merged for deployment, as ONNX.

    Its input `images` is (N, 3, H, W), RGB from 0 to 1, of any number and of sides that are multiples of 32 px from 64
    to 2048; its output `boxes` (N, boxes, 5 + classes) holds centre and sides in pixels, objectness and class scores.
    Suppression is left to who runs it.

    Args:
        model: switched to its deployed form in place.
        path: file to write.
        classes: names, kept in the file's metadata as JSON under `classes`.

    Raises:
        InputError: for another detector, or without the packages of the extra `onnx`.
        OSError: when the file cannot be written.
    """
    if not isinstance(model, YOLOv7):
        raise InputError(f"{type(model).__name__}: only a YOLOv7 can be exported")
    if importlib.util.find_spec("onnxscript") is None:
        raise InputError("onnxscript is not installed: pip install 'mmdet_trash[onnx]'")
    model.eval().switch_to_deploy()
    sides = {
        axis: MULTIPLE * torch.export.Dim(name, min=2, max=LARGEST // MULTIPLE)
        for axis, name in ((2, "rows"), (3, "columns"))
    }
    # What it says is of its own inside.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Exported(model),
            (torch.zeros(2, 3, 3 * MULTIPLE, 4 * MULTIPLE),),
            dynamo=True,
            verbose=False,
            input_names=["images"],
            output_names=["boxes"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch"), **sides}},
        )
    program.model.metadata_props["classes"] = json.dumps(list(classes or []))
    with atomic_write(path, "wb") as file:
        file.write(program.model_proto.SerializeToString())
