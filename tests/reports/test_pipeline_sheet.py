import warnings

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmdet_trash.engine.config import load_config, set_data_root
from mmdet_trash.engine.runner import build_train_dataset
from mmdet_trash.errors import InputError
from mmdet_trash.reports.contact_sheet import GAP
from mmdet_trash.reports.pipeline_sheet import draw_pipeline
from tests.builders import ROOT

PLAIN = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True}]


def built(root, pipeline, **kwargs):
    dataset = {"type": "TrashDataset", "data_root": str(root), "ann_file": "train.json", "pipeline": pipeline, **kwargs}
    cfg = Config({"default_scope": "mmdet_trash", "train_dataloader": {"dataset": dataset}})
    return build_train_dataset(cfg)


def test_a_pipeline_that_changes_nothing_draws_the_same_twice(synthetic):
    pairs = list(draw_pipeline(built(synthetic, [*PLAIN, {"type": "PackDetInputs"}]), 3, tile=128))
    assert len(pairs) == 3
    for before, after in pairs:
        assert before.shape == (128, 128, 3)
        assert np.array_equal(before, after)


def test_a_flip_is_seen_in_pixels_and_boxes(synthetic):
    flip = {"type": "RandomFlip", "prob": 1.0}
    pipeline = [*PLAIN, flip, {"type": "PackDetInputs"}]
    dataset = built(synthetic, pipeline)
    (before, after), *_ = draw_pipeline(dataset, 1, tile=128)
    photograph = cv2.imread(dataset.get_data_info(0)["img_path"])
    drawn = np.abs(after.astype(int) - photograph[:, ::-1]).max(2) > 40
    assert 0 < drawn.mean() < 0.6, "boxes and names lie over the flipped photograph"
    assert not np.array_equal(before, after)


def test_a_seed_draws_the_same_again_and_another_otherwise(synthetic):
    dataset = built(synthetic, [{"type": "Mosaic", "img_scale": (96, 96)}, {"type": "PackDetInputs"}])
    first, again, other = ([after for _, after in draw_pipeline(dataset, 2, seed)] for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_pipeline_without_an_end_is_told(synthetic):
    with pytest.raises(InputError, match="does not end in PackDetInputs"):
        next(draw_pipeline(built(synthetic, PLAIN), 1))


@pytest.mark.parametrize(
    "name", ["cascade_rcnn/cascade-rcnn_r50_fpn_mosaic", "mask_rcnn/mask-rcnn_r50_fpn", "atss/atss_r50_fpn"]
)
def test_configs_of_each_kind_can_be_looked_at(name, dataset, edit_json):
    if "mask" in name:
        edit_json(dataset / "train.json", outline)
    cfg = load_config(str(ROOT / "configs" / f"{name}_1x_trash.py"))
    set_data_root(cfg, str(dataset))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert len(list(draw_pipeline(build_train_dataset(cfg), 1, tile=64))) == 1


def outline(content):
    for annotation in content["annotations"]:
        x, y, w, h = annotation["bbox"]
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]


def test_the_tool_draws_a_config_on_a_sheet_or_in_a_folder(synthetic, tool, tmp_path):
    config = ROOT / "configs/demo/cascade-rcnn_tiny_mosaic.py"
    common = (config, "--data-root", synthetic, "--count", 3, "--tile", 100)
    result = tool("browse", *common, "--columns", 4, "--out", tmp_path / "sheet.png")
    assert result.code == 0, result.err
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (2 * (100 + GAP) + GAP, 4 * (100 + GAP) + GAP, 3)
    assert tool("browse", *common, "--out", tmp_path / "pairs", "--pipeline", "test_pipeline").code == 0
    assert sorted(path.name for path in (tmp_path / "pairs").iterdir()) == ["000.png", "001.png", "002.png"]
    assert tool("browse", *common, "--pipeline", "tta_pipeline", "--out", tmp_path / "tta.png").code == 0
    unknown = tool("browse", *common, "--pipeline", "gallery.mosaic")
    assert unknown.code == 2
    assert unknown.err.strip() == (
        "error: --pipeline gallery.mosaic: the config has no such pipeline, a list of transforms"
    )
