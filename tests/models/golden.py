"""The golden numbers in `tests/data`, which the papers' released code computed, and how close is close to them."""

import json
import zlib
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).resolve().parents[1] / "data"
TOLERANCE = 1e-5


def load_golden(name: str) -> dict[str, Tensor]:
    with np.load(DATA / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file if file[key].dtype.kind != "U"}


def load_json(name: str, key: str) -> Any:
    with np.load(DATA / f"{name}.npz") as file:
        return json.loads(str(file[key]))


def series(golden: dict[str, Tensor], name: str) -> dict[int, Tensor]:
    """Those of a name and a number, `out0`, `out1` and so on, by their number."""
    found = {key.removeprefix(name): value for key, value in golden.items() if key.startswith(name)}
    return {int(number): value for number, value in sorted(found.items()) if number.isdecimal()}


def params(golden: dict[str, Tensor]) -> dict[str, Tensor]:
    """A module's state dict under the authors' keys."""
    return {key.removeprefix("param/"): value for key, value in golden.items() if key.startswith("param/")}


def relative_error(found: Tensor, expected: Tensor) -> float:
    """The largest difference, in units of the largest expected number."""
    assert found.shape == expected.shape
    return ((found - expected).abs().max() / expected.abs().max()).item()


def official_weights(keys: list[tuple[str, list[int]]]) -> dict[str, Tensor]:
    """YOLOv7's weights under the release's keys, remade from their names as the golden numbers' were."""
    weights = {}
    for key, shape in keys:
        draw, count = np.random.default_rng(zlib.crc32(key.encode())), prod(shape)
        if key.endswith(("num_batches_tracked", "anchors", "anchor_grid")):
            values = np.zeros(count)
        elif key.endswith("running_var"):
            values = draw.uniform(0.5, 1.5, count)
        elif key.endswith("running_mean"):
            values = draw.normal(0, 0.1, count)
        elif key.endswith(("bn.weight", ".1.weight")) or "rbr_identity.weight" in key:
            values = draw.uniform(0.8, 1.2, count)
        elif len(shape) == 4 and shape[0] == 1:
            values = draw.normal(1 if ".im." in key else 0, 0.02, count)
        elif len(shape) == 4:
            values = draw.normal(0, sqrt(2 / prod(shape[1:])), count)
        else:
            values = draw.normal(0, 0.02, count)
        weights[key] = torch.tensor(values.reshape(shape), dtype=torch.float32)
    return weights
