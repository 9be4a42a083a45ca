import ast
import importlib
import subprocess
import sys

import pytest

from tests.builders import ROOT

LIGHT = (
    "annotations",
    "ledger",
    "merging",
    "predictions",
    "fusion",
    "fusion.manifest",
    "evaluation",
    "datasets.anchors",
    "datasets.checks",
    "datasets.fold_files",
    "datasets.groups",
    "datasets.holdout",
    "datasets.images",
    "datasets.pseudo_labels",
    "datasets.statistics",
    "datasets.suspects",
    "datasets.synthetic",
    "evaluation.analysis",
    "evaluation.sweep",
    "reports.analysis",
    "reports.curves",
    "reports.eda",
    "reports.inputs",
    "reports.page",
    "reports.worst",
)
HEAVY = {"torch", "mmdet", "mmengine", "mmcv"}
TOOLS = sorted(path.name for path in (ROOT / "tools").glob("*.py"))
STACK = {"search.py", "test.py", "train.py", "train_kfold.py"}
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


LAYERS = [{"predictions"}, {"fusion"}, {"evaluation"}, {"models", "datasets"}, {"engine", "reports"}]
"""From the lowest: a part of the package imports only from parts below it and from the modules beside them."""


def test_imports_run_one_way():
    level = {part: height for height, parts in enumerate(LAYERS) for part in parts}
    looked_at = 0
    for path in (ROOT / "mmdet_trash").rglob("*.py"):
        part = path.relative_to(ROOT / "mmdet_trash").parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mmdet_trash."):
                target = node.module.split(".")[1]
                looked_at += 1
                allowed = target == part or level.get(target, -1) < level.get(part, 0)
                assert allowed, f"{path.relative_to(ROOT)} imports {node.module}"
    assert looked_at > 50


@pytest.mark.slow
def test_what_a_package_says_it_has_it_has():
    packages = [path.parent for path in (ROOT / "mmdet_trash").rglob("__init__.py")]
    names = [".".join(path.relative_to(ROOT).parts) for path in packages]
    assert len(names) > 10
    for name in names:
        package = importlib.import_module(name)
        assert [what for what in getattr(package, "__all__", []) if not hasattr(package, what)] == [], name
