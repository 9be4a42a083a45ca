"""Curves of trainings: losses and mAP50 over epochs, folds as a band around their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mmdet_trash.reports.charts import Charts, Line
from mmdet_trash.reports.parts import Part
from mmdet_trash.reports.training_logs import Curve, Run, Training, band


def training_curves(charts: Charts, runs: Sequence[Run]) -> list[Part]:
    """A chart of the loss and one of each metric that is logged.

    Args:
        charts: whose last series are the runs.
        runs: of one training each, or of several folds.
    """
    parts: list[Part] = []
    for name, figure in (("loss", "loss"), ("val_map50", "mAP50"), ("val_map", "mAP")):
        lines, window = [], 1
        for series, run in enumerate(runs, start=len(charts.series) - len(runs)):
            curves = [curve for training in run.trainings if (curve := _curve(training, figure))]
            lines += _lines(run.name, series, curves)
            window = max([window, *(curve.window for curve in curves)])
        if lines:
            about = charts.words("analysis.window", count=window) if window > 1 else ""
            parts.append(replace(charts.lines(name, lines, ("epoch", figure)), about=about))
    return parts


def _curve(training: Training, figure: str) -> Curve | None:
    """Over epochs; a loss of a training by iterations over those."""
    if figure != "loss":
        return training.metrics.get(figure)
    curve = training.losses.get("loss")
    return curve if curve is None or not training.epoch_steps else replace(curve, x=curve.x / training.epoch_steps)


def _lines(name: str, series: int, curves: Sequence[Curve]) -> list[Line]:
    if len(curves) == 1:
        return [Line(name, curves[0].x, curves[0].y, series)]
    found = band(curves)
    if not len(found.x):
        return []
    edge = {"line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    fill = edge | {"fill": "tonexty", "opacity": 0.25}
    return [
        Line(f"{name} low", found.x, found.low, series, style=edge),
        Line(f"{name} high", found.x, found.high, series, style=fill),
        Line(name, found.x, found.mean, series),
    ]
