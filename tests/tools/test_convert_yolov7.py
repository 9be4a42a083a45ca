import pytest
import torch

from mmdet_trash.engine.checkpoint import load_local, load_weights
from tests.models.golden import load_json, official_weights
from tests.models.tiny_detectors import build, whole_cfg
from tests.release_files import save_release


@pytest.fixture(scope="module")
def weights():
    return official_weights(load_json("yolov7_tiny", "keys"))


def test_a_file_of_the_release_becomes_a_checkpoint_that_the_config_takes(tool, weights, tmp_path):
    release, out = save_release(weights, tmp_path / "yolov7-tiny.pt"), tmp_path / "out" / "tiny.pth"
    result = tool("convert_yolov7", release, out)
    assert result.code == 0, result.err
    assert result.out == f"{out}: YOLOv7-tiny, {len(load_local(str(out))['state_dict'])} tensors\n"
    model = build(whole_cfg("yolov7/yolov7_tiny_trash.py"))
    load_weights(model, load_local(str(out)), str(out))
    assert torch.equal(model.backbone.stages[0][0].conv.weight, weights["model.0.conv.weight"].half().float())


def test_what_is_no_release_is_one_line(tool, weights, tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"model.0.conv.weight": torch.zeros(1)}, path)
    result = tool("convert_yolov7", path, tmp_path / "y.pth")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "weights: neither of YOLOv7-tiny nor of YOLOv7" in result.err
    assert "is the input" in tool("convert_yolov7", path, path).err
    assert "no such checkpoint" in tool("convert_yolov7", tmp_path / "none.pt", tmp_path / "y.pth").err
    assert [found.name for found in tmp_path.iterdir()] == ["x.pt"]
