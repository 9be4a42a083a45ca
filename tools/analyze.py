#!/usr/bin/env python3
"""Look at predictions: an HTML page of how good they are, what they get wrong and what that costs, and its numbers as
JSON and CSV beside it. Several files are several models, side by side."""

import argparse
from pathlib import Path

from mmdet_trash.cli import positive, run
from mmdet_trash.errors import InputError
from mmdet_trash.reports.words import LANGUAGES, Words


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python tools/analyze.py oof.parquet --gt data/trash/train.json --images data/trash"
        "; trainings: python tools/analyze.py --logs work_dirs/a_kfold work_dirs/b_kfold",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="a model's predictions: .csv, .json, .pkl or .parquet")
    parser.add_argument(
        "--model", nargs="+", action="append", default=[], metavar=("NAME", "FILE"),
        help="a model of several files, such as one a fold, under a name",
    )  # fmt: skip
    parser.add_argument("--gt", type=Path, help="annotation file of the predicted images")
    parser.add_argument("--images", type=Path, help="folder of its images, to show the worst")
    parser.add_argument("--worst", type=positive, default=24, help="how many of them, of each model (%(default)s)")
    parser.add_argument("--predicted-only", action="store_true", help="leave out images that no file lists")
    parser.add_argument("--trust-pickle", action="store_true", help="read a .pkl, which can execute anything")
    parser.add_argument(
        "--logs", nargs="+", type=Path, default=[], metavar="DIR", help="work dirs of trainings to draw"
    )
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="language of the page (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="page to write (%(default)s)")
    args = parser.parse_args()
    args.models = [[file] for file in args.files] + [files for _, *files in args.model]
    if not (args.models or args.logs):
        parser.error("nothing to look at: FILE or --logs DIR is needed")
    if args.models and args.gt is None:
        parser.error("--gt is needed: the annotation file that says what is right")
    if not args.models and (args.gt or args.images or args.predicted_only):
        parser.error("--gt, --images and --predicted-only are about predictions: FILE is needed")
    if wrong := next((names for names in args.model if len(names) == 1 or not names[0]), None):
        parser.error(f"--model {' '.join(wrong)}: a name and at least one file are needed")
    return args


def main() -> None:
    args = parse_args()

    # Imported late: they compile, and the arguments are checked by now.
    from mmdet_trash.evaluation.analysis import Evaluated
    from mmdet_trash.reports.analysis import Analysis, Model, analysis_report
    from mmdet_trash.reports.charts import Charts
    from mmdet_trash.reports.inputs import read_inputs
    from mmdet_trash.reports.names import short_names
    from mmdet_trash.reports.page import check_page, write_report
    from mmdet_trash.reports.pictures import check_folder
    from mmdet_trash.reports.training_logs import read_runs
    from mmdet_trash.reports.worst import Photographs

    check_page(args.out, [*flat(args.models), *([args.gt] if args.gt else [])])
    check_folder(args.images)
    words, runs = Words(args.lang), read_runs(args.logs)
    names = (
        *short_names([path.parent / path.stem for path in map(Path, args.files)]),
        *(name for name, *_ in args.model),
    )
    everything = [*names, *(run.name for run in runs)]
    if twice := next((name for name in everything if everything.count(name) > 1), None):
        raise InputError(f"{twice}: names two models or trainings; --model NAME FILE gives a model another name")
    models, coco, notes, classes = [], {}, [], ()
    if args.models:
        inputs = read_inputs(args.gt, args.models, words, args.predicted_only, args.trust_pickle)
        coco, notes = inputs.coco, inputs.notes
        classes = inputs.predictions[0].images.classes
        models = [Model(name, Evaluated(coco, found)) for name, found in zip(names, inputs.predictions, strict=True)]
    photographs = Photographs(args.images, args.gt, args.worst) if args.images else None
    analysis = Analysis(coco, models, Charts(words, classes, names))
    about = [str(path) for path in (*flat(args.models), *([args.gt] if args.gt else []), *args.logs)]
    report = analysis_report(analysis, about, notes, photographs, runs)
    for note in report.notes:
        print(note)
    page, numbers, tables = write_report(report, words, args.out)
    print(f"{page}: {len(list(report.parts()))} figures; numbers in {numbers} and {tables}/")


def flat(models: list[list[str]]) -> list[str]:
    """All files of all models."""
    return [file for files in models for file in files]


if __name__ == "__main__":
    run(main)
