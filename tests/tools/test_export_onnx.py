import onnxruntime
import pytest
import torch

from tests.models.tiny_detectors import build, whole_cfg

CONFIG = "configs/demo/yolov7_tiny.py"


@pytest.fixture
def checkpoint(tmp_path):
    """Weights as a training on three classes leaves them."""
    cfg = whole_cfg("demo/yolov7_tiny.py")
    cfg.bbox_head.num_classes = 3
    path = tmp_path / "best.pth"
    meta = {"dataset_meta": {"classes": ("a", "b", "c")}}
    torch.save({"state_dict": build(cfg).state_dict(), "meta": meta}, path)
    return path


@pytest.mark.slow
def test_a_checkpoint_becomes_a_file_that_a_runtime_runs(tool, checkpoint, tmp_path):
    out = tmp_path / "x.onnx"
    result = tool("export_onnx", CONFIG, checkpoint, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith(f"{out}: 3 classes\n")
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    (boxes,) = session.run(None, {"images": torch.rand(1, 3, 64, 96).numpy()})
    assert boxes.shape == (1, 3 * (8 * 12 + 4 * 6 + 2 * 3), 5 + 3)


def test_another_detector_or_checkpoint_is_one_line(tool, checkpoint, tmp_path):
    for config, message in (
        ("configs/demo/faster-rcnn_tiny.py", "its model is FasterRCNN, a YOLOv7 can be exported"),
        ("configs/_base_/ema.py", "its model is None, a YOLOv7 can be exported"),
        ("configs/none.py", "configs/none.py: no such config"),
    ):
        result = tool("export_onnx", config, checkpoint, "--out", tmp_path / "x.onnx")
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert message in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["best.pth"]
