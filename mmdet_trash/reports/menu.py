"""A page that lists configs beside what they cost."""

import os
from collections.abc import Mapping
from itertools import groupby, takewhile
from pathlib import Path

INTRO = """\
# Configs

What there is to train, by folder; `_base_` holds what they share. Per config:

- **parameters**, in millions, those that only training uses among them;
- **GFLOPs**: billions of multiply-accumulates of the forward pass over one image, as in MMDetection's tables; the YOLO
  papers count the multiplication and the addition, which is twice as much. Convolutions and products of matrices are
  counted and nothing else. Two-stage detectors have as many proposals as their config allows, and a deformable
  convolution counts as an ordinary one;
- **size** of that image in pixels, the one that the config validates at.

`{command}` writes this page.
"""
HEADER = "| config | parameters (M) | GFLOPs | size | what for |\n|---|--:|--:|--:|---|\n"


def menu_row(path: Path, folder: Path, size: tuple[int, int], parameters: int, macs: int | None) -> str:
    """A config's line of the page.

    Args:
        path: the config; what it is for is what its head comment's first line says.
        folder: where the page is.
        size: width and height of an image in pixels.
        parameters: how many it has.
        macs: multiply-accumulates for an image, None where they are not known.
    """
    gflops = "-" if macs is None else f"{macs / 1e9:.1f}"
    link = Path(os.path.relpath(path, folder)).as_posix()
    return f"| [{path.stem}]({link}) | {parameters / 1e6:.1f} | {gflops} | {size[0]}x{size[1]} | {about(path)} |\n"


def about(path: Path) -> str:
    """The first line of a file's head comment, to the end of its sentence where that is on the next."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line.lstrip("# ") for line in takewhile(lambda line: line.startswith("#"), lines)]
    text = " ".join(head)
    end = text.find(". ", len(head[0]) - 1 if head else 0)
    return (text if end < 0 else text[: end + 1]).replace("|", "\\|")


def menu_page(rows: Mapping[Path, str], folder: Path, command: str) -> str:
    """The page, a section for each folder.

    Args:
        rows: each config's line, as :func:`menu_row` makes it.
        folder: where the page is.
        command: how it is made.
    """
    page = INTRO.format(command=command)
    paths = sorted(rows, key=lambda path: (path.parent, path.name))
    for parent, configs in groupby(paths, key=lambda path: path.parent):
        title = Path(os.path.relpath(parent, folder)).as_posix()
        page += f"\n## {title}\n\n{HEADER}{''.join(rows[path] for path in configs)}"
    return page
