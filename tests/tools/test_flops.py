import re

import pytest

from tests.builders import ROOT

DEMO = "configs/demo/faster-rcnn_tiny.py"


@pytest.fixture
def folder(tmp_path):
    """Two configs, one in a folder's folder, and what they inherit from."""
    root = tmp_path / "mine"
    for name in ("first.py", "deeper/second.py", "_base_/third.py"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'# The {path.stem}.\n_base_ = "{ROOT / DEMO}"\n')
    return root


def test_it_tells_what_configs_cost(tool):
    result = tool("flops", DEMO, "configs/yolox/yolox_tiny_trash.py")
    assert (result.code, result.err) == (0, "")
    assert re.search(r"faster-rcnn_tiny +│ 256x256 │ 3\.3 +│ 0\.9 ", result.out)
    assert re.search(r"yolox_tiny_trash +│ 640x640 │ 5\.0 +│ 7\.5 ", result.out)


def test_another_size_and_a_measured_speed(tool):
    result = tool("flops", DEMO, "--size", 100, 64, "--fps")
    assert (result.code, result.err) == (0, "")
    (speed,) = re.findall(r"faster-rcnn_tiny +│ 128x64 +│ 3\.3 +│ 0\.1 +│ (\S+)", result.out)
    assert float(speed) > 0


def test_it_writes_a_menu_of_a_folder(tool, folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = tool("flops", ".", "--menu", "README.md", "--size", 64, 64)
    assert (result.code, result.err) == (0, "")
    page = (folder / "README.md").read_text()
    assert re.findall(r"\[(\w+)\]\((\S+)\) .* \| (.*) \|", page) == [
        ("first", "first.py", "The first."),
        ("second", "deeper/second.py", "The second."),
    ]
    assert "`python tools/flops.py . --menu README.md`" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["configs/none.py"], "configs/none.py: no such config"),
        (["configs/_base_/ema.py"], "configs/_base_/ema.py: config: it has no model"),
    ],
)
def test_what_it_cannot_use_is_one_line(arguments, message, tool, tmp_path):
    result = tool("flops", *arguments, "--menu", tmp_path / "README.md")
    assert (result.code, result.err) == (2, f"error: {message}\n")
    assert not list(tmp_path.iterdir())


def test_a_folder_without_configs_is_one_line(tool, tmp_path):
    result = tool("flops", tmp_path)
    assert (result.code, result.err) == (2, f"error: {tmp_path}: no config in this folder\n")
