import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mmdet_trash.models.losses.iou_losses import KINDS
from tests.builders import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = [target for target in LINK.findall(prose) if "://" not in target]
    assert targets
    for target in targets:
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_name_files_that_are_there(page: Path) -> None:
    for script in re.findall(r"python3? ([\w/]+\.py)", page.read_text()):
        assert (ROOT / script).is_file(), script


@pytest.mark.slow
def test_every_box_loss_is_drawn(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "docs" / "draw_box_losses.py", "--out", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    page = (ROOT / "docs" / "box_losses.md").read_text()
    for kind in KINDS:
        with Image.open(tmp_path / f"{kind}.png") as drawing:
            assert drawing.size == (900, 420)
        assert f"(box_losses/{kind}.png)" in page
