"""The report on predictions: how good they are, what they get wrong, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mmdet_trash.datasets.folds import COUNTS
from mmdet_trash.evaluation.analysis import ConfidenceCurves, Evaluated, difference
from mmdet_trash.evaluation.sweep import sweep
from mmdet_trash.reports.charts import SERIES_COLOURS, Charts, Line, plain, shares
from mmdet_trash.reports.curves import training_curves
from mmdet_trash.reports.parts import Cell, Fact, Part, Report, Section, Table
from mmdet_trash.reports.training_logs import Run
from mmdet_trash.reports.words import Words
from mmdet_trash.reports.worst import Photographs, worst_images

SAMPLES = 200
"""Of the bootstrap."""
SCORE_THRS = (0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
NMS_IOUS = (0.4, 0.5, 0.6, 0.7, 0.8, None)
"""What the sweep goes through; None stands for no NMS."""
LOG = {"type": "log", "dtick": "D2"}
SHARE = {"range": [0, 1.02]}
"""An axis of figures between 0 and 1."""


@dataclass(frozen=True)
class Model:
    """What one model predicts.

    Attributes:
        name: of it.
        evaluated: its predictions, matched with the ground truth.
    """

    name: str
    evaluated: Evaluated

    @cached_property
    def confidence(self) -> ConfidenceCurves:
        """Precision, recall and F1 by score."""
        return self.evaluated.confidence_curves()

    @property
    def threshold(self) -> float:
        """Where F1 is best, or 0 where it is not known: what confusions and pictures are taken at."""
        return 0.0 if np.isnan(self.confidence.best) else self.confidence.best


def analysis_report(
    analysis: Analysis, about: Sequence[str], notes: Sequence[str], photographs: Photographs | None, runs: Sequence[Run]
) -> Report:
    """Look at predictions, at trainings, or at both.

    Args:
        analysis: of the predictions; it may have no model.
        about: the files it is made from.
        notes: what was not as it should be in them.
        photographs: the images to show, if any.
        runs: trainings to draw.
    """
    models, charts = analysis.models, analysis.charts
    sections = analysis.sections() if models else []
    notes = list(notes)
    galleries: list[Part] = []
    lost: dict[str, None] = {}
    for series, model in enumerate(models):
        gallery, names = worst_images(model.evaluated, model.threshold, charts.words, photographs)
        galleries.append(replace(gallery, series=series, about=model.name if len(models) > 1 else ""))
        lost |= dict.fromkeys(names)
    if lost:
        notes.append(charts.words("analysis.missing_images", count=len(lost), first=next(iter(lost))))
    if models and photographs is None:
        notes.append(charts.words("analysis.no_images"))
    everything = replace(charts, series=(*charts.series, *(run.name for run in runs)))
    sections += [Section("worst", galleries), Section("curves", training_curves(everything, runs))]
    facts = [fact for model in models for fact in _facts(model, charts)]
    return Report("analysis", tuple(about), facts, notes, sections, charts.classes, everything.series)


def _facts(model: Model, charts: Charts) -> list[Fact]:
    """mAP50 with its interval and, of a single model, what else comes first."""
    evaluated, several = model.evaluated, len(charts.series) > 1
    summary, (low, high) = evaluated.metrics.summary, evaluated.intervals(SAMPLES)["mAP50"]
    map50 = plain(summary["mAP50"])
    first = Fact(f"mAP50 · {model.name}" if several else "mAP50", map50, f"({low:.3f}–{high:.3f})")  # noqa: RUF001
    if several:
        return [first]
    return [
        first,
        Fact("mAP", plain(summary["mAP"])),
        Fact("images", len(evaluated.predictions.images)),
        Fact("true boxes", int(evaluated.true_boxes.counted().sum())),
        Fact("predicted boxes", len(evaluated.predictions)),
        Fact("best score", plain(model.confidence.best) if model.confidence.f1.max() > 0 else None),
    ]


@dataclass(frozen=True)
class Analysis:
    """What `analysis_report` shows, a part at a time.

    Attributes:
        coco: the ground truth.
        models: one or more, of the same images.
        charts: makes charts of them.
    """

    coco: dict[str, Any]
    models: Sequence[Model]
    charts: Charts

    @property
    def words(self) -> Words:
        """Of the report's language."""
        return self.charts.words

    def sections(self) -> list[Section]:
        """All but pictures."""
        return [
            Section("figures", self.figures()),
            Section("ap", self.classes()),
            Section("confidence", self.confidence()),
            Section("errors", self.errors()),
            Section("reliability", self.reliability()),
            Section("sweep", self.sweep()),
            Section("breakdown", self.breakdown()),
        ]

    def figures(self) -> list[Part]:
        """mAP50 and COCO's twelve, how sure they are, and how far models are apart."""
        found = []
        for model in self.models:
            summary, intervals = model.evaluated.metrics.summary, model.evaluated.intervals(SAMPLES)
            found.append(np.array([(value, *intervals[name]) for name, value in summary.items()]))
        chart = self.charts.bars("figures", list(summary), found, ("figure", "value", "low", "high"), yaxis=SHARE)
        for trace, (values, low, high) in zip(chart.traces, (rows.T for rows in found), strict=True):
            trace["error_y"] = {"type": "data", "array": plain(high - values), "arrayminus": plain(values - low)}
        return [chart, self._differences()] if len(self.models) > 1 else [chart]

    def _differences(self) -> Part:
        first, *others = self.models
        rows: list[tuple[Cell, ...]] = [
            (other.name, name, *plain([found.delta, found.low, found.high]))
            for other in others
            for name, found in difference(first.evaluated, other.evaluated, SAMPLES).items()
        ]
        return Part(
            name="differences", about=first.name, table=Table(("series", "figure", "delta", "low", "high"), rows)
        )

    def classes(self) -> list[Part]:
        """AP50 and the curve it is the area of, of each class."""
        ap50 = [list(model.evaluated.metrics.ap50.values()) for model in self.models]
        lines = []
        for series, model in enumerate(self.models):
            curves = model.evaluated.pr_curves()
            lines += [
                Line(name, curves.recall, precision, series, label, self.charts.colours[label])
                for label, (name, precision) in enumerate(zip(self.charts.classes, curves.precision, strict=True))
                if np.isfinite(precision).any()
            ]
        return [
            self.charts.class_bars("ap50", ap50, "AP50", xaxis=SHARE),
            self.charts.lines("pr_curves", lines, ("recall", "precision"), xaxis=SHARE, yaxis=SHARE, height=460),
        ]

    def confidence(self) -> list[Part]:
        """Precision, recall and F1 by score."""
        lines, of_classes = [], []
        rows: list[tuple[Cell, ...]] = []
        best: list[tuple[Cell, ...]] = []
        for series, model in enumerate(self.models):
            found = model.confidence
            curves = {"precision": found.precision, "recall": found.recall, "F1": found.f1}
            lines += [
                Line(name, found.thresholds, values, series, colour=colour)
                for (name, values), colour in zip(curves.items(), SERIES_COLOURS, strict=False)
            ]
            for label, name in enumerate(self.charts.classes):
                threshold, f1 = found.class_best[label], found.class_f1[label]
                if np.isnan(threshold):
                    continue
                of_classes.append(Line(name, found.thresholds, f1, series, label, self.charts.colours[label]))
                columns = (found.thresholds, found.class_precision[label], found.class_recall[label], f1)
                rows += [(model.name, name, *row) for row in zip(*map(plain, columns), strict=True)]
                best.append((model.name, name, *plain([threshold if f1.max() > 0 else np.nan, f1.max()])))
        axes = {"xaxis": SHARE, "yaxis": SHARE}
        table = self._table(("class", "score", "precision", "recall", "F1"), rows)
        return [
            self.charts.lines("confidence", lines, ("score", "value"), **axes),
            replace(self.charts.lines("class_f1", of_classes, ("score", "F1"), **axes), table=table),
            Part(name="best_thresholds", table=self._table(("class", "score", "F1"), best)),
        ]

    def errors(self) -> list[Part]:
        """What kinds of mistake there are, what each costs, and which classes are confused."""
        kinds = [model.evaluated.error_kinds() for model in self.models]
        costs = [[(found.cost, found.count) for found in of_model.values()] for of_model in kinds]
        parts: list[Part] = [self.charts.bars("error_costs", list(kinds[0]), costs, ("kind", "cost", "boxes"))]
        fields = [*self.charts.classes, "(background)"]
        for series, model in enumerate(self.models):
            counts = model.evaluated.confusion(model.threshold)
            shade = shares(counts, counts.sum(axis=1, keepdims=True))
            made = self.charts.matrix("confusion", fields, fields, shade, counts, series)
            at = self.words("analysis.from_score", score=f"{model.threshold:.2f}")
            parts.append(replace(made, about=" · ".join(filter(None, (made.about, at)))))
        return parts

    def reliability(self) -> list[Part]:
        """How far scores are chances of being right."""
        dotted = {"line": {"color": "grey", "dash": "dot", "width": 1}}
        lines = [Line("ideal", [0, 1], [0, 1], series=None, style=dotted)]
        counts, errors = [], []
        for series, model in enumerate(self.models):
            found = model.evaluated.reliability()
            style = {"mode": "lines+markers"}
            lines.append(Line(model.name, found.score, found.right, series, style=style))
            counts.append(found.counts)
            errors.append((model.name, *plain([found.ece, found.mce])))
            bins = [f"{low:.1f} – {high:.1f}" for low, high in zip(found.edges, found.edges[1:], strict=False)]  # noqa: RUF001
        axes = {"xaxis": SHARE, "yaxis": SHARE}
        return [
            self.charts.lines("reliability", lines, ("score", "right"), **axes),
            self.charts.bars("score_counts", bins, counts, ("score", "boxes"), yaxis=LOG),
            Part(name="calibration_error", table=self._table(("ece", "mce"), errors)),
        ]

    def sweep(self) -> list[Part]:
        """What a score threshold and an NMS do to mAP50 and to the number of boxes."""
        scores, boxes = [], []
        for series, model in enumerate(self.models):
            found = sweep(self.coco, model.evaluated.predictions, SCORE_THRS, NMS_IOUS)
            for column, iou in enumerate(NMS_IOUS):
                name = "no NMS" if iou is None else f"NMS {iou}"
                of_nms = (series, None, f"hsl({40 + 45 * column},60%,50%)", {"mode": "lines+markers"})
                scores.append(Line(name, SCORE_THRS, found.map50[:, column], *of_nms))
                boxes.append(Line(name, SCORE_THRS, found.boxes[:, column], *of_nms))
        axis = {"type": "category"}
        return [
            self.charts.lines("sweep_map50", scores, ("score", "mAP50"), xaxis=axis),
            self.charts.lines("sweep_boxes", boxes, ("score", "boxes"), xaxis=axis, yaxis=LOG),
        ]

    def breakdown(self) -> list[Part]:
        """Figures of small, medium and large objects, and of images with few and many."""
        sizes, slices = [model.evaluated.by_size() for model in self.models], self._by_count()
        of_sizes = [
            [(found.ap50, found.ap, found.ar, found.boxes) for found in of_model.values()] for of_model in sizes
        ]
        of_counts = [
            [(found.summary["mAP50"], found.summary["mAP"], found.boxes, found.images) for found in of_model.values()]
            for of_model in (model.evaluated.by_images(slices) for model in self.models)
        ]
        columns = ("objects", "mAP50", "mAP", "boxes", "images")
        return [
            self.charts.bars("by_size", list(sizes[0]), of_sizes, ("size", "AP50", "AP", "AR", "boxes"), yaxis=SHARE),
            self.charts.bars("by_count", list(slices), of_counts, columns, yaxis=SHARE),
        ]

    def _by_count(self) -> dict[str, np.ndarray]:
        """The images with so many true boxes, in the steps that folds are balanced by."""
        true = self.models[0].evaluated.true_boxes
        step = np.digitize(np.bincount(true.image_index[true.counted()], minlength=len(true.images)), COUNTS)
        slices = {}
        for number, (low, high) in enumerate(zip(COUNTS, [*COUNTS[1:], None], strict=True), start=1):
            name = f"{low}+" if high is None else str(low) if high == low + 1 else f"{low}-{high - 1}"
            if (step == number).any():
                slices[name] = step == number
        return slices

    def _table(self, columns: tuple[str, ...], rows: list[tuple[Cell, ...]]) -> Table:
        """With the model in front of each row, where there are several."""
        if len(self.models) > 1:
            return Table(("series", *columns), rows)
        return Table(columns, [row[1:] for row in rows])
