"""The menu of configs says what their files say and cost."""

import re

import pytest

from mmdet_trash.engine.complexity import complexity
from mmdet_trash.engine.config import load_config
from mmdet_trash.reports.menu import about, menu_page, menu_row
from tests.builders import ROOT

FOLDER = ROOT / "configs"
NAMES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py") if "_base_" not in path.parts)
COMMAND = "python tools/flops.py configs --menu configs/README.md"


@pytest.fixture(scope="module")
def page():
    return (FOLDER / "README.md").read_text()


@pytest.fixture(scope="module")
def rows(page):
    """The page's lines, by the config that they link to."""
    return {name: line for line, name in re.findall(r"(\| \[[^]]+\]\((\S+)\) \|.*\n)", page)}


@pytest.mark.parametrize("name", NAMES)
def test_the_menu_has_a_configs_line(name, rows):
    path = FOLDER / name
    found = complexity(load_config(str(path)))
    assert found.macs is not None
    assert rows.get(name) == menu_row(path, FOLDER, *found)
    for stated in re.findall(r"(\d+\.\d) M parameters", about(path)):
        assert float(stated) == round(found.parameters / 1e6, 1)


def test_the_menu_has_all_configs_and_no_other(page, rows):
    assert sorted(rows) == NAMES, f"made anew by: {COMMAND}"
    assert page == menu_page({FOLDER / name: row for name, row in rows.items()}, FOLDER, COMMAND)
