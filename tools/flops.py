#!/usr/bin/env python3
"""Tell how large configs' detectors are, and how costly an image is to them."""

import argparse
import warnings
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from mmdet_trash.cli import positive, run
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " GFLOPs are billions of multiply-accumulates of the forward pass, as in MMDetection's "
        "tables; the YOLO papers state twice as much.",
        epilog="example: python tools/flops.py configs/yolox --fps",
    )
    parser.add_argument("configs", nargs="+", type=Path, metavar="CONFIG", help="a config, or a folder of them")
    parser.add_argument(
        "--size", type=positive, nargs=2, metavar=("W", "H"), help="of the image, in place of a config's"
    )
    parser.add_argument(
        "--fps", action="store_true", help="predict as well, and tell the images a second on this machine"
    )
    parser.add_argument("--menu", type=Path, help="page to write, a line a config: configs/README.md")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    paths = configs_of(args.configs)
    if args.menu:
        check_writable(args.menu)
    warnings.simplefilter("ignore")  # what the stack says is of its own inside
    # Imported late: the stack takes seconds, and --help has none of it.
    from mmdet_trash.engine.complexity import complexity
    from mmdet_trash.engine.config import load_config
    from mmdet_trash.engine.speed import frames_per_second
    from mmdet_trash.reports.menu import menu_page, menu_row

    table = Table(
        Column("config", overflow="fold"), "size", "parameters (M)", "GFLOPs", *(["images/s"] if args.fps else [])
    )
    rows = {}
    progress = Console(stderr=True)
    for path in track(paths, "configs", console=progress, transient=True, disable=not progress.is_terminal):
        cfg = load_config(str(path))
        try:
            found = complexity(cfg, args.size)
            fps = [f"{frames_per_second(cfg, args.size):.3g}"] if args.fps else []
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        (width, height), parameters, macs = found
        gflops = "-" if macs is None else f"{macs / 1e9:.1f}"
        table.add_row(path.stem, f"{width}x{height}", f"{parameters / 1e6:.1f}", gflops, *fps)
        if args.menu:
            rows[path] = menu_row(path, args.menu.parent, *found)
    Console().print(table)
    if args.menu:
        command = f"python tools/flops.py {' '.join(map(str, args.configs))} --menu {args.menu}"
        with atomic_write(args.menu) as file:
            file.write(menu_page(rows, args.menu.parent, command))


def configs_of(named: list[Path]) -> list[Path]:
    """The configs that are named, and those of the folders that are, but for what they inherit from."""
    found = []
    for path in named:
        inside = sorted(file for file in path.rglob("*.py") if "_base_" not in file.relative_to(path).parts)
        if path.is_dir() and not inside:
            raise InputError(f"{path}: no config in this folder")
        found += inside if path.is_dir() else [path]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    run(main)
