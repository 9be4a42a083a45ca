import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from mmdet_trash.models.losses.iou_losses import KINDS
from tests.builders import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "README.ko.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "configs").rglob("README.md")),
]
LINK = re.compile(r"\]\(([^)]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SCRIPT = re.compile(r"(?:python3?|pytest) ([\w/]+\.py)")


def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = [link for link in LINK.findall(prose(page)) if "://" not in link]
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_name_files_that_are_there(page: Path) -> None:
    scripts = SCRIPT.findall(page.read_text())
    assert scripts
    for script in scripts:
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
            with Image.open(ROOT / "docs" / "box_losses" / f"{kind}.png") as stored:
                difference = ImageChops.difference(drawing.convert("L"), stored.convert("L"))
        # Fonts may be rendered otherwise elsewhere, not curves.
        assert ImageStat.Stat(difference).mean[0] < 2
        assert f"(box_losses/{kind}.png)" in page
