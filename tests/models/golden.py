"""The golden numbers in `tests/data`, which the papers' released code computed, and how close is close to them."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).resolve().parents[1] / "data"
TOLERANCE = 1e-5


def load_golden(name: str) -> dict[str, Tensor]:
    with np.load(DATA / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file}


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
