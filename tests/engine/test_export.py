"""YOLOv7 in an ONNX runtime."""

import json

import onnxruntime
import pytest
import torch

from mmdet_trash.engine.export import Exported, export_onnx
from mmdet_trash.errors import InputError
from tests.models.tiny_detectors import build, tiny_cfg, whole_cfg


def session_of(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.slow
@pytest.mark.parametrize("size", ["tiny", "l"])
def test_the_runtime_gives_the_training_forms_boxes_for_any_number_and_size(size, tmp_path):
    cfg = whole_cfg(f"yolov7/yolov7_{size}_trash.py")
    model = build(cfg).train()
    for _ in range(3):  # statistics of batch norms other than those they begin with
        model._forward(torch.rand(2, 3, 64, 64))
    model.eval()
    batches = [torch.rand(2, 3, 64, 96), torch.rand(1, 3, 160, 128)]
    with torch.no_grad():
        expected = [Exported(model)(images) for images in batches]
    export_onnx(model, tmp_path / "x.onnx", ["a", "b"])
    session = session_of(tmp_path / "x.onnx")
    for images, wanted in zip(batches, expected, strict=True):
        (found,) = session.run(None, {"images": images.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-4, atol=1e-4)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == ["a", "b"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.onnx"]


def test_another_detector_is_one_line(tmp_path):
    with pytest.raises(InputError, match="FasterRCNN: only a YOLOv7 can be exported"):
        export_onnx(build(tiny_cfg("faster")), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())
