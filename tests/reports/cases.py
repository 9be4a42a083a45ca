"""Small reports for tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_trash.datasets.fold_files import write_folds
from mmdet_trash.datasets.folds import stratified_folds
from mmdet_trash.evaluation.analysis import Evaluated
from mmdet_trash.predictions import ImageTable, Predictions
from mmdet_trash.reports.analysis import Analysis, Model, analysis_report
from mmdet_trash.reports.charts import Charts
from mmdet_trash.reports.eda import Dataset, eda_report
from mmdet_trash.reports.parts import Part, Report
from mmdet_trash.reports.training_logs import Curve, Run, Training
from mmdet_trash.reports.words import Words
from mmdet_trash.reports.worst import Photographs
from tests.builders import coco, predictions

EN = Words("en")
TRUTH = coco(
    images=4,
    boxes=[
        (0, 0, [10, 10, 30, 20]),
        (0, 1, [50, 40, 40, 30]),
        (1, 1, [5, 5, 50, 40]),
        (1, 0, [60, 50, 20, 20]),
        (2, 0, [30, 30, 40, 40]),
    ],
    categories=(0, 1, 2),
)
"""Three objects of the first class and two of the second, none of the third; the last image has none."""
ROWS = [
    (0, 0, 0.9, 10, 10, 40, 30),  # right
    (0, 0, 0.8, 50, 40, 90, 70),  # another's place
    (1, 1, 0.7, 5, 5, 55, 45),  # right
    (1, 1, 0.6, 5, 5, 55, 44),  # the same again
    (2, 0, 0.3, 30, 30, 70, 70),  # right, of a low score
    (3, 2, 0.65, 10, 10, 30, 30),  # nothing there
    (3, 0, 0.2, 50, 50, 70, 70),  # nothing there
]
"""Of seven boxes three are right; F1 is best without the last, at 0.21."""
IMAGES = ImageTable.from_coco(TRUTH)


def found(rows: Sequence[tuple] = ROWS) -> Predictions:
    """Boxes of the images of `TRUTH`."""
    return predictions(IMAGES, rows)


def analysed(
    models: dict[str, Predictions],
    words: Words = EN,
    content: dict[str, Any] = TRUTH,
    photographs: Photographs | None = None,
    runs: Sequence[Run] = (),
) -> Report:
    """The report on these models."""
    classes = ImageTable.from_coco(content).classes if models else ()
    charts = Charts(words, classes, tuple(models))
    judged = [Model(name, Evaluated(content, boxes)) for name, boxes in models.items()]
    about = [f"{name}.csv" for name in models]
    return analysis_report(Analysis(content, judged, charts), about, [], photographs, runs)


def part_of(report: Report, name: str) -> Part:
    """The part of this id."""
    return next(part for part in report.parts() if part.id == name)


def records(part: Part) -> list[dict[str, Any]]:
    """The rows of a part's table by column."""
    return [dict(zip(part.table.columns, row, strict=True)) for row in part.table.rows]


def written(folder: Path) -> dict[str, bytes]:
    """Every file in a folder and those below, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def full_reports(words: Words, folder: Path) -> list[Report]:
    """A report of each kind with every part that there is.

    Args:
        words: of its language.
        folder: where to write the folds.
    """
    boxes = [(0, 0, [10, 10, 30, 20]), (0, 0, [10, 10, 30, 20]), (1, 1, [5, 5, 50, 40]), (2, 1, [0, 0, 3, 3])]
    content = coco(images=4, boxes=[*boxes, (3, 1, [0, 0, 100, 80])])
    write_folds(content, stratified_folds(content, np.arange(4), 2), folder)
    one, other = (Dataset(Path(f"{name}.json"), content, folder) for name in ("one", "other"))
    curve = Curve(np.array([1.0, 2]), np.array([3.0, 1]))
    folds = tuple(Training(f"fold{k}", {"loss": curve}, {"mAP50": curve, "mAP": curve}, 1) for k in range(2))
    photographs = Photographs(folder, Path("one.json"), 2)
    return [
        eda_report(one, words, other, folder),
        analysed({"a": found(), "b": found(ROWS[:2])}, words, photographs=photographs, runs=[Run("c", folds)]),
        eda_report(Dataset(Path("none.json"), coco(boxes=[])), words),
        analysed({"a": found([])}, words),
    ]
