#!/usr/bin/env python3
"""Keep and show what was submitted: config, checkpoint, out-of-fold score, file, leaderboard score."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmdet_trash.cli import run
from mmdet_trash.errors import InputError
from mmdet_trash.fusion.manifest import Source
from mmdet_trash.ledger import append, read_ledger, scored, set_scores

BOARDS = ("public", "private")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/ledger.py score submission.csv --public 0.6148; then python tools/ledger.py plot "
        "--out cv_lb.png",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="{show,add,score,plot}")
    show = commands.add_parser("show", help="print the ledger")
    add = commands.add_parser("add", help="enter a file; tools/train_kfold.py enters its own")
    add.add_argument("file", help="what was submitted")
    for name in ("config", "checkpoint"):
        add.add_argument(f"--{name}", default="", help=f"the {name} it came from")
    for name, what in (("cv", "out-of-fold mAP50"), ("spread", "its standard deviation between folds")):
        add.add_argument(f"--{name}", default="", help=what)
    score = commands.add_parser("score", help="enter what the leaderboard said about a file")
    score.add_argument("file", help="as the ledger has it, or its name alone")
    for name in BOARDS:
        score.add_argument(f"--{name}", help=f"score on the {name} leaderboard")
    for command in (add, score):
        command.add_argument("--note", help="anything")
    plot = commands.add_parser("plot", help="draw out-of-fold scores beside the leaderboard's")
    plot.add_argument("--board", choices=BOARDS, default="public", help="(%(default)s)")
    plot.add_argument("--out", required=True, help="PNG file to write")
    for command in (show, add, score, plot):
        command.add_argument("--ledger", default="work_dirs/ledger.csv", help="(%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.command == "add":
        names = ("config", "checkpoint", "cv", "spread", "note")
        entry = {name: getattr(args, name) or "" for name in names}
        source = Source.of(args.file)
        append(args.ledger, {**entry, "file": source.file, "sha256": source.sha256})
    elif args.command == "score":
        given = {name: getattr(args, name) for name in (*BOARDS, "note") if getattr(args, name) is not None}
        if not given:
            raise InputError("score: --public, --private or --note is missing")
        set_scores(args.ledger, args.file, given)
    elif args.command == "plot":
        plot(args)
        return
    show(read_ledger(args.ledger))


def plot(args: argparse.Namespace) -> None:
    from mmdet_trash.reports.ledger_plot import plot_ledger

    points = scored(read_ledger(args.ledger), args.board)
    if not points:
        raise InputError(f"{args.ledger}: no row has both an out-of-fold and a {args.board} score")
    plot_ledger(points, args.board, args.out)
    print(f"{args.out}: {len(points)} submissions")


def show(rows) -> None:
    table = Table("day", "config", "cv", "file", *BOARDS, "note")
    for row in rows:
        file = "/".join(Path(row["file"]).parts[-2:])
        scores = (row[name] for name in (*BOARDS, "note"))
        table.add_row(row["time"][:10], Path(row["config"]).stem, row["cv"], file, *scores)
    Console(highlight=False, markup=False).print(table)


if __name__ == "__main__":
    run(main)
