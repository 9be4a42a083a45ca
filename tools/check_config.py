#!/usr/bin/env python3
"""Find faults of configs before they are trained, and say where each value comes from."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from mmdet_trash.cli import positive, quiet, run
from mmdet_trash.errors import InputError

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__ + " Exits with 1 when there are faults; nothing is built and no weights are read.",
        epilog="example: python tools/check_config.py configs/demo/cascade-rcnn_tiny.py --data-root data/trash"
        " --cfg-options train_cfg.max_epochs=20",
    )
    parser.add_argument("configs", nargs="*", metavar="CONFIG", help="config files")
    parser.add_argument("--all", action="store_true", help="every config of this repository")
    parser.add_argument("--chain", nargs="*", metavar="KEY", help="show the files and the values of all or these keys")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="override the configs")
    parser.add_argument("--data-root", help="folder of the annotation files, to hold the configs to them")
    parser.add_argument(
        "--image-size", type=positive, nargs=2, metavar=("W", "H"), help="of the images (the data's, or 1024 1024)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.all == bool(args.configs):
        raise InputError("either CONFIG or --all is right")
    configs = args.configs
    if args.all:
        configs = [str(path) for path in sorted(CONFIGS.rglob("*.py")) if "_base_" not in path.parts]
    # Imported late: the stack takes seconds, and --help has none of it.
    from mmdet_trash.engine.lint import Loader, Refused, check_config, read_chain

    options = options_of(args.cfg_options)
    loader = Loader()
    if args.chain is not None:
        try:
            with quiet():
                for config in configs:
                    show(read_chain(config, options, loader), args.chain)
        except Refused as refused:
            print(refused)
            sys.exit(1)
        return
    size = tuple(args.image_size) if args.image_size else None
    found: dict[str, None] = {}  # one of a shared base is told once
    unread: list[InputError] = []
    for config in progress(configs):
        try:
            with quiet():
                findings = check_config(config, options, image_size=size, data_root=args.data_root, loader=loader)
        except InputError as error:
            unread.append(error)
        else:
            found.update(dict.fromkeys(map(str, findings)))
    print(*found, sep="\n", end="\n" * bool(found))
    if unread:
        for error in unread[:-1]:
            print(f"error: {error}", file=sys.stderr)
        raise unread[-1]
    if found:
        sys.exit(1)
    print(f"{len(configs)} config{'s' * (len(configs) > 1)}, no fault found")


def options_of(texts: list[str]) -> dict:
    from mmdet_trash.engine.arguments import CfgOptions

    parser = argparse.ArgumentParser(prog="check_config.py")
    parser.add_argument("--cfg-options", nargs="*", action=CfgOptions)
    return parser.parse_args(["--cfg-options", *texts]).cfg_options


def show(chain, keys: list[str]) -> None:
    from mmdet_trash.engine.lint.report import tree_lines, value_lines

    for line in tree_lines(chain.file):
        print(line)
    for key in keys or [""]:
        for line in value_lines(chain, key):
            print(line)


def progress(configs: list[str]) -> Iterable[str]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = len(configs) == 1 or not console.is_terminal
    return track(configs, "configs", console=console, transient=True, disable=hidden)


if __name__ == "__main__":
    run(main)
