"""EfficientDet's compound scaling, beside the paper."""

from pathlib import Path

import pytest

from mmdet_trash.engine.complexity import complexity
from mmdet_trash.engine.config import load_config

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "efficientdet"
TABLE = {
    "d0": (512, "b0", 64, 3, 3, 3.9, 2.5),
    "d1": (640, "b1", 88, 4, 3, 6.6, 6.1),
    "d2": (768, "b2", 112, 5, 3, 8.1, 11),
    "d3": (896, "b3", 160, 6, 4, 12, 25),
    "d4": (1024, "b4", 224, 7, 4, 21, 55),
}
"""The paper's table 1 (image size, backbone, BiFPN's channels and layers, the head's layers) and table 2 (millions of
parameters, billions of multiply-accumulates)."""


@pytest.fixture(scope="module")
def scaling():
    return load_config(str(FOLDER / "efficientdet_d0_trash.py")).scaling


@pytest.mark.parametrize("size", TABLE)
def test_a_size_is_the_papers(size, scaling):
    _, arch, width, layers, depth, *_ = TABLE[size]
    found = scaling[size]
    assert (found.backbone.arch, found.neck.out_channels, found.neck.stack_times) == (arch, width, layers)
    assert (found.bbox_head.in_channels, found.bbox_head.feat_channels) == (width, width)
    assert found.bbox_head.stacked_convs == depth
    assert f"-{arch}_" in found.backbone.init_cfg.checkpoint


@pytest.mark.parametrize("size", TABLE)
def test_parameters_and_work_are_the_papers_for_coco(size, scaling):
    side, *_, parameters, work = TABLE[size]
    cfg = load_config(str(FOLDER / "efficientdet_d0_trash.py"))
    cfg.merge_from_dict({"model": scaling[size], "model.bbox_head.num_classes": 90})
    found = complexity(cfg, (side, side))
    assert round(found.parameters / 1e6, 1 if parameters < 10 else None) == parameters
    assert found.macs / 1e9 == pytest.approx(work, rel=0.02)


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
