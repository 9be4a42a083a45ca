import re

import pytest

from mmdet_trash.engine.config import load_config
from tests.builders import ROOT

CONFIG = "configs/yolov7/yolov7_tiny_trash.py"


def test_it_writes_a_config_whose_anchors_fit_better(tool, dataset, tmp_path):
    out = tmp_path / "configs" / "mine.py"
    result = tool("anchors", CONFIG, "--ann", dataset / "train.json", "--generations", 50, "--out", out)
    assert result.code == 0, result.err
    fitness = dict(re.findall(r"│ (present|fitted)\s*│ ([\d.]+)", result.out))
    assert float(fitness["fitted"]) > float(fitness["present"])
    head = load_config(str(out)).model.bbox_head
    assert f"anchors={head.anchors}" in result.out
    areas = [w * h for level in head.anchors for w, h in level]
    assert areas == sorted(areas) and len(areas) == 9
    assert head.num_classes == 10


def test_yolov3s_levels_stay_in_their_order(tool, dataset):
    result = tool("anchors", "configs/yolov3/yolov3_d53_trash.py", "--data-root", dataset, "--img-size", 320, 320)
    assert result.code == 0, result.err
    line = re.search(r"anchor_generator=dict\(base_sizes=(.+)\)", result.out)[1]
    areas = [w * h for level in eval(line) for w, h in level]
    assert areas[0] > areas[3] > areas[6]
    assert "320x320" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["configs/demo/faster-rcnn_tiny.py"], "its head states no anchors that are pairs of width and height"),
        (["configs/_base_/ema.py"], "its head states no anchors that are pairs of width and height"),
        (["configs/retinanet/retinanet_r50_fpn_1x_trash.py"], "its head states no anchors that are pairs"),
        ([CONFIG, "--ratio-thr", "1"], "--ratio-thr 1.0: above 1 is right"),
        ([CONFIG, "--ratio-thr", "nan"], "--ratio-thr nan: above 1 is right"),
        ([CONFIG, "--ann", "none.json"], "none.json: "),
    ],
)
def test_what_it_cannot_use_is_one_line(arguments, message, tool, dataset):
    result = tool("anchors", *arguments, "--data-root", dataset)
    assert result.code == 2 and message in result.err and result.err.count("\n") == 1


def test_it_does_not_write_over_the_config(tool, dataset, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(f'_base_ = "{ROOT / CONFIG}"\n')
    before = mine.read_text()
    result = tool("anchors", mine, "--data-root", dataset, "--out", mine)
    assert (result.code, mine.read_text()) == (2, before)
    assert "is the input" in result.err
