"""How fast a config's detector is on this machine."""

import copy
import statistics
import time

import torch
from mmengine.config import Config

from mmdet_trash.cli import quiet
from mmdet_trash.engine.complexity import blank_sample, image_size
from mmdet_trash.engine.config import train_from_scratch
from mmdet_trash.engine.runner import build_model

WARM_UP, LEAST, MOST = 2, 3, 50
"""Predictions that are not timed, and how many are."""
SECONDS = 10.0
"""After which no further prediction is begun, if there have been enough."""


def frames_per_second(cfg: Config, size: tuple[int, int] | None = None) -> float:
    """Time predictions of one image, from pixels to boxes, on the GPU if there is one.

    The image is random noise and the weights are those that training begins with, so there is little to suppress.

    Args:
        cfg: the config; it is not changed.
        size: width and height of the image in pixels; that of its `test_pipeline` without.

    Returns:
        Images a second, by the median time.

    Raises:
        InputError: as :func:`mmdet_trash.engine.complexity.complexity`.
    """
    width, height = size or image_size(cfg)
    cfg = copy.deepcopy(cfg)
    train_from_scratch(cfg)
    torch.manual_seed(0)
    model = build_model(cfg)
    with quiet():
        model.init_weights()
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < WARM_UP + LEAST or (len(times) < WARM_UP + MOST and time.perf_counter() - started < SECONDS):
        before = time.perf_counter()
        with torch.no_grad():
            model.test_step({"inputs": [image], "data_samples": [blank_sample(width, height)]})
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - before)
    return 1 / statistics.median(times[WARM_UP:])
