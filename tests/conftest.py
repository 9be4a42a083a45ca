import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from mmdet_trash.cli import run
from mmdet_trash.datasets.synthetic import write_dataset

ROOT = Path(__file__).resolve().parent.parent
# Small networks on two cores: more threads only wait for each other, and runs would not be the same twice.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The same examples in every run, however busy the machine is.
settings.register_profile("tests", derandomize=True, deadline=None)
settings.load_profile("tests")


LONGEST = ("test_train_kfold.py", "test_configs.py", "test_train.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first: of two processes none then has one left at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, which a checkout may not have."""
    path = Path(os.environ.get("TRASH_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"no real data: {path} is missing (TRASH_SHARED names another folder)")
    return path


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory) -> Path:
    """A small synthetic dataset, not to be changed: 20 training and 5 test images of 128 px."""
    out = tmp_path_factory.mktemp("synthetic") / "data"
    write_dataset(out, images=20, test_images=5, size=128, seed=0, workers=1)
    return out


@pytest.fixture
def dataset(synthetic: Path, tmp_path: Path) -> Path:
    """A copy of the synthetic dataset whose json files may be changed; the images are shared."""
    root = tmp_path / "data"
    root.mkdir()
    for name in ("train", "test"):
        (root / f"{name}.json").write_bytes((synthetic / f"{name}.json").read_bytes())
        (root / name).symlink_to(synthetic / name)
    return root


@pytest.fixture
def edit_json() -> Callable[[Path, Callable[[dict], None]], None]:
    """Change a json file in place with a function."""

    def edit(path: Path, change: Callable[[dict], None]) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


def forget_runs() -> None:
    """Drop MMEngine's loggers and hubs of earlier runs: their streams are closed, their names may come again."""
    from mmengine.utils import ManagerMixin

    waiting = [ManagerMixin]
    for kind in waiting:
        waiting += kind.__subclasses__()
        getattr(kind, "_instance_dict", {}).clear()


@dataclass
class ToolResult:
    code: int
    out: str
    err: str


@pytest.fixture
def tool(monkeypatch, capfd) -> Callable[..., ToolResult]:
    """Run `tools/<name>.py` in this process, with its arguments; gives its exit code and what it printed."""

    def call(name: str, *args: object) -> ToolResult:
        monkeypatch.setattr(sys, "argv", [f"tools/{name}.py", *map(str, args)])
        spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        forget_runs()
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            run(module.main)
        captured = capfd.readouterr()
        return ToolResult(stop.value.code or 0, captured.out, captured.err)

    return call
