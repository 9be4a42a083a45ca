"""`tools/test.py --tta` with the demo config, whose `tta_model` is `FusionTTA`."""

import json

import numpy as np
import pytest

from tests.builders import ROOT
from tests.tiny import TINY

DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny.py"
SAME_SIZE = [f"tta_pipeline.1.transforms.0.{i}.scale=(96,96)" for i in range(3)]
"""That of the plain test: of the six views the first, third and fifth are it, the others its mirror image."""


@pytest.mark.slow
def test_plain_views_give_the_plain_boxes_flipped_ones_others_and_too_few_weights_one_line(tool, synthetic, tmp_path):
    args = ("--data-root", synthetic, "--work-dir", tmp_path)
    trained = tool("train", DEMO, *args, "--from-scratch", *TINY, "train_cfg.max_epochs=1")
    assert trained.code == 0, trained.err
    args = (DEMO, tmp_path / "last.pth", *args, "--split", "test", "--out", tmp_path / "boxes.json")

    def boxes():
        """Rows of image, category, x, y, width, height and 100 times the score, sorted."""
        found = json.loads((tmp_path / "boxes.json").read_text())
        return np.array(sorted([b["image_id"], b["category_id"], *b["bbox"], 100 * b["score"]] for b in found))

    def fused(weights):
        return tool("test", *args, "--tta", *TINY, *SAME_SIZE, f"tta_model.fusion.weights={weights}")

    assert tool("test", *args, *TINY).code == 0
    plain = boxes()
    assert len(plain) > 20
    result = fused("[1,0,1,0,1,0]")
    assert result.code == 0, result.err
    np.testing.assert_allclose(boxes(), plain, atol=0.01)

    assert fused("[0,1,0,1,0,1]").code == 0
    assert boxes().shape != plain.shape or np.abs(boxes() - plain).max() > 1

    result = fused("[1,1,1]")
    assert result.code == 2 and "Traceback" not in result.err
    assert result.err.splitlines()[-1] == "error: weights: 3 numbers for 6 models, one for each is right"
