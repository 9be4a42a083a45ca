"""The kinds of chart that reports are made of, each with the table of its numbers.

Of traces in one `legendgroup` the page lets the first that is shown stand for all in the legend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from math import isfinite
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import qualitative

from mmdet_trash.classes import CLASSES, PALETTE
from mmdet_trash.reports.parts import Cell, Chart, Table
from mmdet_trash.reports.words import Words

Numbers = Sequence[Any] | np.ndarray
SERIES_COLOURS = (
    "#3b76c4",
    "#e07b39",
    "#3f9b6b",
    "#a15cb8",
    "#c44e52",
    "#8c8c3c",
    "#4aa3a2",
    "#8a6d5a",
    "#d16ba5",
    "#6b7a90",
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
DASH_SIGNS = ("───", "╌╌╌", "┈┈┈", "─·─", "━ ━", "━·━")
"""What a title says of a series' lines."""
MANY = 20
"""More names than these go without a legend; from so many columns on, a matrix goes without numbers."""
SCALE = ((0, "rgba(59,118,196,0)"), (0.5, "rgba(59,118,196,0.55)"), (1, "rgba(214,69,65,1)"))
"""From nothing, whatever the page's background, to much."""
SHADES = ("#a9c6ea", "#5d93d6", "#2b5ea8")
"""Of the parts of a stacked bar."""
BARE = {"showgrid": False, "zeroline": False}
"""An axis of a heat map."""
PERCENT = {"tickformat": ".3~p"}
"""An axis of shares."""
BOX = ("q05", "q25", "median", "q75", "q95")
"""Names of the five numbers of a box plot."""


@dataclass(frozen=True)
class Charts:
    """Makes charts of one report.

    Attributes:
        words: of its language; `charts.NAME.x` and `.y` are the titles of a chart's axes.
        classes: names in label order.
        series: names of what is compared: models or datasets.
    """

    words: Words
    classes: tuple[str, ...]
    series: tuple[str, ...]

    @property
    def colours(self) -> list[str]:
        """One a class: the competition's for its classes."""
        if self.classes == CLASSES:
            return [f"rgb({r},{g},{b})" for r, g, b in PALETTE]
        many = qualitative.D3 if len(self.classes) <= len(qualitative.D3) else qualitative.Alphabet
        return [many[label % len(many)] for label in range(len(self.classes))]

    def alone(self) -> Charts:
        """Makes charts of the first series only."""
        return replace(self, series=self.series[:1])

    def bars(
        self, name: str, x: Sequence[Cell], values: Sequence[Numbers], columns: tuple[str, ...], **layout: Any
    ) -> Chart:
        """A bar for each `x`, beside each other for several series.

        Args:
            name: of the chart.
            x: K places.
            values: of each series, (K,) heights, or (K, P) of heights and more numbers for the table.
            columns: names of `x` and of the numbers in the table.
            layout: more for Plotly.
        """
        places = [self.shown(place) if isinstance(place, str) else place for place in x]
        numbers = [[row if isinstance(row, list) else [row] for row in plain(of_series)] for of_series in values]
        if any(isinstance(place, str) for place in x):
            # Plotly would take "1" and "2-3" for numbers.
            layout = _merged({"xaxis": {"type": "category"}}, layout)
        traces = [
            _trace(
                go.Bar(x=places, y=[row[0] for row in rows], marker_color=_series_colour(s)), _text(self.series[s]), s
            )
            for s, rows in enumerate(numbers)
        ]
        listed = [
            (self.series[s], place, *row) for s, rows in enumerate(numbers) for place, row in zip(x, rows, strict=True)
        ]
        return self._chart(name, ("series", *columns), listed, traces, **layout)

    def class_bars(self, name: str, values: Sequence[Numbers], column: str, **layout: Any) -> Chart:
        """A bar for each class, and for each series beside each other.

        Args:
            name: of the chart.
            values: of each series, one number a class.
            column: name of the numbers in the table.
            layout: more for Plotly.
        """
        traces, rows = [], []
        for s, of_series in enumerate(values):
            for label, value in enumerate(plain(of_series)):
                colour = self.colours[label] if len(values) == 1 else _series_colour(s)
                bar = go.Bar(
                    y=[_text(self.classes[label])], x=[value], orientation="h", marker_color=colour,
                    offsetgroup=str(s), legendgroup=str(s), showlegend=len(values) > 1,
                )  # fmt: skip
                traces.append(_trace(bar, _text(self.series[s]), series=s, label=label))
                rows.append((self.series[s], self.classes[label], value))
        return self._chart(name, ("series", "class", column), rows, traces, **self._class_axis(), **layout)

    def class_boxes(self, name: str, summaries: Sequence[np.ndarray], **layout: Any) -> Chart:
        """A box plot for each class, and for each series beside each other.

        Args:
            name: of the chart.
            summaries: of each series, (C, 5): the five numbers of `BOX`; NaN for a class without any.
            layout: more for Plotly.
        """
        traces, rows = [], []
        for s, of_series in enumerate(summaries):
            for label, five in enumerate(of_series):
                low, first, median, third, high = plain(five)
                rows.append((self.series[s], self.classes[label], low, first, median, third, high))
                if median is None:
                    continue
                box = go.Box(
                    y=[_text(self.classes[label])], orientation="h", offsetgroup=str(s), legendgroup=str(s),
                    lowerfence=[low], q1=[first], median=[median], q3=[third], upperfence=[high],
                    marker_color=self.colours[label] if len(summaries) == 1 else _series_colour(s),
                    showlegend=len(summaries) > 1,
                )  # fmt: skip
                traces.append(_trace(box, _text(self.series[s]), series=s, label=label))
        columns = ("series", "class", *BOX)
        return self._chart(name, columns, rows, traces, boxmode="group", **self._class_axis(), **layout)

    def lines(self, name: str, lines: Sequence[Line], columns: tuple[str, str], **layout: Any) -> Chart:
        """Lines over a common axis.

        Args:
            name: of the chart.
            lines: with what each belongs to.
            columns: names of x and y in the table.
            layout: more for Plotly.
        """
        rows = [
            (self.series[line.series], line.name, *pair)
            for line in lines
            if line.series is not None
            for pair in zip(plain(line.x), plain(line.y), strict=True)
        ]
        made = self._chart(name, ("series", "line", *columns), rows, [line.trace(self) for line in lines], **layout)
        grouped = {line.name for line in lines if line.colour}
        if len(grouped) > MANY:
            made.layout["showlegend"] = False
        if len(self.series) == 1 or not grouped:
            return made
        signs = zip(self.series, DASH_SIGNS, strict=False)
        return replace(made, about=", ".join(f"{name} {sign}" for name, sign in signs))

    def matrix(
        self,
        name: str,
        rows: Sequence[str],
        columns: Sequence[str],
        shade: np.ndarray,
        counts: np.ndarray,
        series: int = 0,
    ) -> Chart:
        """A field for each pair of a row and a column.

        Args:
            name: of the chart; `series` numbers it.
            rows: R names.
            columns: C names.
            shade: (R, C), what colours the fields, from 0 to 1.
            counts: (R, C), what is written in them and in the table.
            series: which it is of.
        """
        # Places are numbers, so that two names that look alike stay two.
        ticks = [
            {"tickvals": list(range(len(names))), "ticktext": list(map(self.shown, names)), **BARE}
            for names in (columns, rows)
        ]
        names = [[(self.shown(row), self.shown(column)) for column in columns] for row in rows]
        heat = go.Heatmap(
            z=plain(shade), zmin=0, zmax=1, xgap=1, ygap=1, text=plain(counts), colorscale=SCALE, showscale=False,
            texttemplate="%{text}" if len(columns) < MANY else None, textfont_size=10, customdata=names,
            hovertemplate="%{customdata[0]} · %{customdata[1]}<br>%{text} (%{z:.0%})<extra></extra>",
        )  # fmt: skip
        table = Table(("row", *columns), [(row, *values) for row, values in zip(rows, plain(counts), strict=True)])
        axes = {
            "xaxis": {"tickangle": -45, **ticks[0]},
            "yaxis": {"autorange": "reversed", **ticks[1]},
            "height": 130 + min(34, 900 // len(rows)) * len(rows),
        }
        return self._of_series(name, table, [_trace(heat, _text(self.series[series]), series)], axes, series)

    def density(self, name: str, grids: np.ndarray, series: int = 0) -> Chart:
        """How many of something lie where on the unit square, of the classes that are chosen.

        Args:
            name: of the chart; `series` numbers it.
            grids: (C, G, G) counts, rows from the top.
            series: which it is of.
        """
        size = grids.shape[-1]
        centres = plain((np.arange(size) + 0.5) / size)
        heat = go.Heatmap(
            z=plain(grids.sum(axis=0)), x=centres, y=centres, colorscale=SCALE, showscale=False,
            hovertemplate="x %{x:.2f} y %{y:.2f}<br>%{z}<extra></extra>",
        )  # fmt: skip
        trace = _trace(heat, _text(self.series[series]), series)
        # The page adds up the grids of the classes that are chosen.
        trace["meta"]["grids"] = plain(grids)
        rows = [
            (self.classes[label], row, column, int(grids[label, row, column]))
            for label, row, column in np.argwhere(grids).tolist()
        ]
        axes = {
            "xaxis": {"range": [0, 1], "constrain": "domain", **BARE},
            "yaxis": {"range": [1, 0], "scaleanchor": "x", "constrain": "domain", **BARE},
            "height": 420,
        }
        return self._of_series(name, Table(("class", "row", "column", "boxes"), rows), [trace], axes, series)

    def stacked(self, name: str, parts: Sequence[str], counts: np.ndarray, series: int = 0) -> Chart:
        """A bar for each class, of the shares that parts have in it.

        Args:
            name: of the chart; `series` numbers it.
            parts: P names.
            counts: (C, P).
            series: which it is of.
        """
        rows = [(name, *row) for name, row in zip(self.classes, counts.tolist(), strict=True)]
        traces = []
        for part, of_part, shade in zip(
            parts, shares(counts, counts.sum(axis=1, keepdims=True)).T, SHADES, strict=False
        ):
            for label, share in enumerate(plain(of_part)):
                bar = go.Bar(
                    y=[_text(self.classes[label])], x=[share], orientation="h", marker_color=shade, legendgroup=part,
                    hovertemplate="%{y}: %{x:.1%}",
                )  # fmt: skip
                traces.append(_trace(bar, self.shown(part), series, label))
        more = {"barmode": "stack", "xaxis": PERCENT, **self._class_axis()}
        return self._of_series(name, Table(("class", *parts), rows), traces, more, series)

    def _of_series(self, name: str, table: Table, traces: list[Any], layout: dict[str, Any], series: int) -> Chart:
        about = self.series[series] if len(self.series) > 1 else ""
        layout = _merged(self._titles(name), layout)
        return Chart(name=name, table=table, series=series, about=about, traces=traces, layout=layout)

    def _chart(
        self, name: str, columns: tuple[str, ...], rows: Sequence[tuple[Cell, ...]], traces: list[Any], **layout: Any
    ) -> Chart:
        if len(self.series) == 1:
            columns, rows = columns[1:], [row[1:] for row in rows]
        layout = _merged(self._titles(name), layout)
        return Chart(name=name, table=Table(columns, rows), traces=traces, layout=layout)

    def shown(self, name: str) -> str:
        """What the page calls a name of the tables: a word of the language where it is one, and no class."""
        return _text(name if name in self.classes else self.words.name("kinds", name))

    def _titles(self, name: str) -> dict[str, Any]:
        titles: dict[str, Any] = {}
        for axis in ("x", "y"):
            key = f"charts.{name}.{axis}"
            titles[f"{axis}axis"] = {"title": {"text": self.words(key)}} if key in self.words else {}
        return titles

    def _class_axis(self) -> dict[str, Any]:
        height = 110 + len(self.classes) * (26 if len(self.series) == 1 else 16 * len(self.series) + 14)
        names = list(map(_text, self.classes))
        axis = {"type": "category", "categoryorder": "array", "categoryarray": names, "autorange": "reversed"}
        return {"yaxis": axis, "height": height}


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: of it.
        x: K places.
        y: K numbers, NaN where there is none.
        series: which it belongs to; None for a line that is there to compare with, and in no table.
        label: the class that it belongs to, or None.
        colour: which tells it from others of its series; series are told apart by dashes then. Without one, a series
            has a colour.
        style: of Plotly's line and fill.
    """

    name: str
    x: Sequence[Any] | np.ndarray
    y: Sequence[float] | np.ndarray
    series: int | None = 0
    label: int | None = None
    colour: str | None = None
    style: dict[str, Any] = field(default_factory=dict)

    def trace(self, charts: Charts) -> dict[str, Any]:
        """As Plotly's."""
        series = self.series or 0
        own = self.series is not None and self.name == charts.series[series]
        name = _text(self.name) if own else charts.shown(self.name)
        line: dict[str, Any] = {"color": self.colour or _series_colour(series), "width": 2}
        style: dict[str, Any] = {"mode": "lines", **self.style}
        if self.colour:
            line |= {"width": 1.5, "dash": DASHES[series % len(DASHES)]}
            style["legendgroup"] = self.name
        style["line"] = line | self.style.get("line", {})
        return _trace(go.Scatter(x=plain(self.x), y=plain(self.y), **style), name, self.series, self.label)


def shares(counts: np.ndarray, totals: Any) -> np.ndarray:
    """Counts over their totals; 0 of nothing."""
    found: np.ndarray = counts / np.maximum(totals, 1)
    return found


def plain(values: Any) -> Any:
    """A number or numbers, of any depth, as Python's own: lists, None for what is not finite."""
    if isinstance(values, np.ndarray | np.generic):
        values = values.tolist()
    if isinstance(values, list | tuple | range):
        return [plain(value) for value in values]
    return None if isinstance(values, float) and not isfinite(values) else values


def _merged(layout: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A layout with more said in it, also of an axis that it speaks of."""
    axes = {
        name: {**layout[name], **more[name]} for name in layout.keys() & more.keys() if isinstance(more[name], dict)
    }
    return {**layout, **more, **axes}


def _trace(trace: Any, name: str, series: int | None, label: int | None = None) -> dict[str, Any]:
    belongs = {key: value for key, value in (("series", series), ("class", label)) if value is not None}
    return {**trace.to_plotly_json(), "name": name, "meta": belongs}


def _series_colour(series: int) -> str:
    return SERIES_COLOURS[series % len(SERIES_COLOURS)]


def _text(value: Any) -> str:
    """A name, where Plotly would read tags, templates and formulas."""
    return escape(str(value), quote=False).replace("%{", "&#37;{").replace("$", "&#36;")
