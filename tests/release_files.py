"""Files as YOLOv7's release, and YOLOv5's, leave them: a model that needs its own code to be unpickled."""

import sys
import types
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn


class Model(nn.Module):
    """Holds weights by their names; as far as a pickle knows, it is of the release's package."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.names, self.stride = ["a", "b"], torch.tensor([8.0, 16.0, 32.0])
        for key, value in weights.items():
            *path, name = key.split(".")
            module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, nn.Module())
                module = module._modules[part]
            if value.is_floating_point() and "running" not in name:
                module.register_parameter(name, nn.Parameter(value.clone()))
            else:
                module.register_buffer(name, value.clone())


def save_release(weights: Mapping[str, Tensor], path: Path, average: Mapping[str, Tensor] | None = None) -> str:
    """Save weights as a model in half precision, and maybe an average of it; return the path.

    Where it is read, the package `models` is not.
    """
    package, module = types.ModuleType("models"), types.ModuleType("models.yolo")
    module.Model = type("Model", (Model,), {"__module__": "models.yolo"})
    with patch.dict(sys.modules, {"models": package, "models.yolo": module}):
        content = {
            "epoch": -1,
            "best_fitness": np.array([0.5]),
            "model": module.Model(weights).half(),
            "ema": average and module.Model(average).half(),
            "optimizer": None,
        }
        torch.save(content, path)
    assert "models.yolo" not in sys.modules
    return str(path)
