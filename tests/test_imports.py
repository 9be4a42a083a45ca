import subprocess
import sys

import pytest

from tests.builders import ROOT

LIGHT = (
    "annotations",
    "predictions",
    "evaluation",
    "datasets.checks",
    "datasets.holdout",
    "datasets.images",
    "datasets.synthetic",
)
HEAVY = {"torch", "mmdet", "mmengine", "mmcv"}
TOOLS = sorted(path.name for path in (ROOT / "tools").glob("*.py"))
STACK = {"test.py", "train.py"}
"""Tools that import MMDetection before they read their arguments."""


def test_what_needs_no_torch_imports_none() -> None:
    imports = "; ".join(f"import mmdet_trash.{name}" for name in LIGHT)
    code = f"import sys; {imports}; assert not (loaded := {HEAVY} & sys.modules.keys()), loaded"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in STACK else name for name in TOOLS]
)
def test_help_has_an_example(name: str) -> None:
    command = [sys.executable, ROOT / "tools" / name, "--help"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"example: python tools/{name} " in " ".join(result.stdout.replace("python3", "python").split())
    assert "usage: " + name in result.stdout
