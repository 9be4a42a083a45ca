"""EfficientDet's compound scaling, beside the paper."""

from pathlib import Path

import pytest

from mmdet_trash.engine.config import load_config
from mmdet_trash.engine.runner import build_model

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "efficientdet"
TABLE = {
    "d0": (512, "b0", 64, 3, 3, 3.9),
    "d1": (640, "b1", 88, 4, 3, 6.6),
    "d2": (768, "b2", 112, 5, 3, 8.1),
    "d3": (896, "b3", 160, 6, 4, 12.0),
    "d4": (1024, "b4", 224, 7, 4, 20.7),
}
"""The paper's table 1 (image size, backbone, BiFPN's channels and layers, the head's layers) and millions of parameters
of its table 2, where D3 and D4 are rounded to 12 and 21; the release's are 12.0 and 20.7."""


@pytest.fixture(scope="module")
def scaling():
    return load_config(str(FOLDER / "efficientdet_d0_trash.py")).scaling


@pytest.mark.parametrize("size", TABLE)
def test_a_size_is_the_papers(size, scaling):
    _, arch, width, layers, depth, _ = TABLE[size]
    found = scaling[size]
    assert (found.backbone.arch, found.neck.out_channels, found.neck.stack_times) == (arch, width, layers)
    assert (found.bbox_head.in_channels, found.bbox_head.feat_channels) == (width, width)
    assert found.bbox_head.stacked_convs == depth
    assert f"-{arch}_" in found.backbone.init_cfg.checkpoint


@pytest.mark.parametrize("size", TABLE)
def test_parameters_are_the_papers_for_coco(size, scaling):
    cfg = load_config(str(FOLDER / "efficientdet_d0_trash.py"))
    cfg.merge_from_dict({"model": scaling[size], "model.bbox_head.num_classes": 90})
    model = build_model(cfg)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == TABLE[size][-1]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_config_is_of_its_size(path, scaling):
    size = path.stem.split("_")[1]
    cfg = load_config(str(path))
    side = TABLE[size][0]
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        resized = [step.scale for step in cfg[loader].dataset.pipeline if step.type == "Resize"]
        assert resized == [(side, side)]
    assert cfg.model.neck.items() >= scaling[size].neck.items()
    assert cfg.model.backbone.arch == scaling[size].backbone.arch
