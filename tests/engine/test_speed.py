from itertools import count

import pytest

from mmdet_trash.engine import speed
from mmdet_trash.engine.config import load_config
from mmdet_trash.registry import MODELS
from tests.builders import ROOT


@pytest.fixture
def predictions(monkeypatch):
    """Shapes of what the detector is given, on a clock that goes on by half a second whenever it is read."""
    seen = []
    detector = MODELS.get("mmdet.FasterRCNN")
    predict = detector.predict

    def noted(self, images, samples, **kwargs):
        seen.append(tuple(images.shape))
        return predict(self, images, samples, **kwargs)

    monkeypatch.setattr(detector, "predict", noted)
    ticks = count()
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(ticks) / 2)
    return seen


def test_it_is_the_median_of_real_predictions_of_one_image(predictions):
    cfg = load_config(str(ROOT / "configs/demo/faster-rcnn_tiny.py"))
    before = cfg.pretty_text
    assert speed.frames_per_second(cfg, (128, 96)) == 2.0
    # The first reading begins, five predictions of two are made in any case; each further takes three, until the 20th.
    assert predictions == [(1, 3, 96, 128)] * (5 + 3)
    assert cfg.pretty_text == before
