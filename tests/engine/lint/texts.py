"""Configs of ours that the tests inherit from, and pieces of the texts that do."""

from pathlib import Path

from tests.builders import ROOT

CONFIGS = ROOT / "configs"
BASES = CONFIGS / "_base_"
CASCADE = CONFIGS / "cascade_rcnn" / "cascade-rcnn_r50_fpn_1x_trash.py"
FASTER = CONFIGS / "faster_rcnn" / "faster-rcnn_r50_fpn_1x_trash.py"
RETINANET = CONFIGS / "retinanet" / "retinanet_r50_fpn_1x_trash.py"
MASK_RCNN = CONFIGS / "mask_rcnn" / "mask-rcnn_r50_fpn_1x_trash.py"
YOLOX = CONFIGS / "yolox" / "yolox_s_trash.py"
MOSAIC = CONFIGS / "cascade_rcnn" / "cascade-rcnn_r50_fpn_mosaic_1x_trash.py"


def pipeline(step: str, loader: str = "train") -> str:
    """A config's text that gives a data loader's images a step."""
    load = 'dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True)'
    steps = f'[\n    {load},\n    {step},  # here\n    dict(type="PackDetInputs"),\n]'
    return f"{loader}_dataloader = dict(dataset=dict(pipeline={steps}))"


RESIZE = 'dict(type="Resize", scale={}, keep_ratio=True)'
CHOICE = 'dict(type="RandomChoiceResize", scales={}, keep_ratio=True)'

Bases = Path | list[Path]
