#!/usr/bin/env python3
"""What a report costs: the whole of it, page written, beside pycocotools' twelve figures alone.

Predictions are made up from an annotation file: each box moved a little, some of another class, and six more an object
anywhere, so that there are about as many as a detector gives. Page sizes are without images. The last line is a JSON
object.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from measure import case, median_seconds

from mmdet_trash.annotations import load_annotations
from mmdet_trash.cli import positive, run
from mmdet_trash.evaluation import evaluate_coco
from mmdet_trash.evaluation.analysis import Evaluated
from mmdet_trash.predictions import Predictions, from_annotations
from mmdet_trash.reports.analysis import Analysis, Model, analysis_report
from mmdet_trash.reports.charts import Charts
from mmdet_trash.reports.eda import Dataset, eda_report
from mmdet_trash.reports.page import write_report
from mmdet_trash.reports.words import Words


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/reports.py --ann data/trash/train.json",
    )
    parser.add_argument("--ann", type=Path, required=True, help="annotation file")
    parser.add_argument("--repeats", type=positive, default=3, help="(%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    coco, words = load_annotations(args.ann), Words("en")
    found = make_up(from_annotations(coco))
    print(f"{len(found.images)} images, {len(coco['annotations'])} true boxes, {len(found)} predicted")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.html"

        def eda() -> None:
            write_report(eda_report(Dataset(args.ann, load_annotations(args.ann)), words), words, out)

        def analysis() -> None:
            models = [Model("made up", Evaluated(coco, found))]
            charts = Charts(words, found.images.classes, ("made up",))
            write_report(analysis_report(Analysis(coco, models, charts), [], [], None, []), words, out)

        def twelve() -> None:
            evaluate_coco(coco, found, "pycocotools")

        seconds = median_seconds([eda, analysis, twelve], args.repeats)
        for name, function in (("eda", eda), ("analysis", analysis)):
            function()
            print(f"{name}: a page of {out.stat().st_size / 1e6:.1f} MB")
    same = Evaluated(coco, found).metrics.summary == evaluate_coco(coco, found, "pycocotools").summary
    cases = {
        "eda": case("pycocotools, twelve figures", [seconds[0], seconds[2]], [None, None], None),
        "analysis": case("pycocotools, twelve figures", seconds[1:], [None, None], same),
    }
    print(json.dumps({"benchmark": "reports", "cases": cases}))
    if not same:
        raise SystemExit(1)


def make_up(truth: Predictions, others: int = 6) -> Predictions:
    """What a middling detector could say of true boxes."""
    random = np.random.default_rng(0)
    count, classes = len(truth), len(truth.images.classes)
    rows = np.repeat(np.arange(count), others + 1)
    near = np.tile(np.arange(others + 1) == 0, count)
    sizes = truth.bboxes[rows, 2:] - truth.bboxes[rows, :2]
    corners = truth.bboxes[rows] + random.normal(0, 0.1, (len(rows), 4)) * np.tile(sizes, 2)
    corners[~near] += np.tile(random.uniform(-300, 300, (np.count_nonzero(~near), 2)), 2)
    corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2] + 1)
    labels = np.where(random.random(len(rows)) < 0.2, random.integers(0, classes, len(rows)), truth.labels[rows])
    scores = np.where(near, random.beta(5, 2, len(rows)), random.beta(1, 8, len(rows)))
    return Predictions.from_columns(truth.images, truth.image_index[rows], labels, scores, corners)


if __name__ == "__main__":
    run(main)
