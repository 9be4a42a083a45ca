"""Each kind of chart: what Plotly takes, what its table holds, what names do to it."""

import json
from html import unescape

import numpy as np
import plotly.graph_objects as go
import pytest

from mmdet_trash.classes import CLASSES, PALETTE
from mmdet_trash.reports.charts import BOX, MANY, Charts, Line, plain, shares
from mmdet_trash.reports.parts import Chart, Table
from tests.reports.cases import EN

NAMES = ("<b>x</b>", "a & b", "%{y}", "$유리$", "both")
"""The last is a word that the page says otherwise of kinds of mistakes."""
KINDS = ("bars", "more_bars", "class_bars", "class_boxes", "lines", "class_lines", "matrix", "density", "stacked")
NUMBERS = np.random.default_rng(0).random((2, 5, 5))


def drawn(kind: str, series: tuple[str, ...] = ("one",)) -> tuple[Chart, list[tuple], int]:
    """A chart, the rows that its table has to have, and the number of its traces."""
    charts, many = Charts(EN, NAMES, series), len(series)
    values = NUMBERS[:many].copy()
    values[0, 2] = np.nan
    cells, counts = plain(values), np.arange(15).reshape(5, 3)
    each = [(s, name) if many > 1 else (None, name) for s in series for name in NAMES]
    flat = [row for of_series in cells for row in of_series]
    if kind == "bars":
        rows = [(*key, row[0]) for key, row in zip(each, flat, strict=True)]
        return charts.bars("figures", NAMES, values[:, :, 0], ("class", "value")), rows, many
    if kind == "more_bars":
        rows = [(*key, *row[:2]) for key, row in zip(each, flat, strict=True)]
        return charts.bars("figures", NAMES, values[:, :, :2], ("class", "value", "low")), rows, many
    if kind == "class_bars":
        rows = [(*key, row[0]) for key, row in zip(each, flat, strict=True)]
        return charts.class_bars("ap50", values[:, :, 0], "AP50"), rows, 5 * many
    if kind == "class_boxes":
        rows = [(*key, *row) for key, row in zip(each, flat, strict=True)]
        return charts.class_boxes("area_share", values), rows, 5 * many - 1
    if kind in ("lines", "class_lines"):
        of_class = [(label, charts.colours[label]) if kind == "class_lines" else () for label in range(5)]
        lines = [
            Line(NAMES[row], [0.1, 0.2], values[s, row, :2], s, *more)
            for s in range(many)
            for row, more in enumerate(of_class)
        ]
        rows = [(*key, x, row[i]) for key, row in zip(each, flat, strict=True) for i, x in enumerate((0.1, 0.2))]
        dotted = Line("ideal", [0, 1], [0, 1], series=None)
        return charts.lines("reliability", [dotted, *lines], ("score", "right"), height=90), rows, 5 * many + 1
    if kind == "matrix":
        made = charts.matrix("together", NAMES, NAMES[:3], values[-1, :, :3], counts, many - 1)
        return made, [(None, name, *row) for name, row in zip(NAMES, counts.tolist(), strict=True)], 1
    if kind == "density":
        grids = np.zeros((5, 2, 2), np.int64)
        grids[1, 0, 1], grids[4, 1, 0] = 3, 2
        return charts.density("centres", grids, many - 1), [(None, "a & b", 0, 1, 3), (None, "both", 1, 0, 2)], 1
    made = charts.stacked("sizes", ("small", "medium", "large"), counts, many - 1)
    return made, [(None, name, *row) for name, row in zip(NAMES, counts.tolist(), strict=True)], 15


@pytest.mark.parametrize("series", [("one",), ("one", "<i>two</i>")], ids=len)
@pytest.mark.parametrize("kind", KINDS)
def test_plotly_takes_it_and_the_table_holds_the_very_numbers(kind, series):
    chart, rows, count = drawn(kind, series)
    figure = go.Figure(chart.traces, chart.layout)
    assert len(figure.data) == count
    assert chart.table.rows == [row if row[0] is not None else row[1:] for row in rows]
    assert ("series" in chart.table.columns) == (rows[0][0] is not None)
    json.dumps([chart.traces, chart.layout, chart.table.rows], allow_nan=False)
    for trace in chart.traces:
        assert trace["meta"].get("series", 0) in range(len(series)) and trace["meta"].get("class", 0) in range(5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_is_read_as_a_tag_a_template_or_a_word(kind):
    """Plotly reads some tags, fills in templates in names of traces, sets formulas, and turns entities back."""
    chart, _, _ = drawn(kind, ("one", "<i>two</i>"))
    texts = [trace.get("name") for trace in chart.traces]
    for trace in chart.traces:
        texts += [text for axis in ("x", "y") for text in trace.get(axis) or () if isinstance(text, str)]
        texts += [text for row in trace.get("customdata", ()) for field in row for text in field]
    for axis in (chart.layout["xaxis"], chart.layout["yaxis"]):
        texts += [*axis.get("categoryarray", ()), *axis.get("ticktext", ())]
    assert not any(tag in text for text in texts for tag in ("<", ">", "%{", "$"))
    assert {unescape(text) for text in texts} <= {
        *NAMES, "one", "<i>two</i>", "small", "medium", "large", EN.name("kinds", "ideal"),
    }  # fmt: skip


def test_a_model_named_as_a_word_keeps_its_name_and_a_kind_is_said_in_words():
    charts = Charts(EN, ("class 0",), ("one", "both"))
    lines = [Line(name, [0], [1], series) for name, series in (("both", 1), ("both", 0), ("background", 1))]
    assert [line.trace(charts)["name"] for line in lines] == [
        "both", "wrong class, badly placed", "nothing there",
    ]  # fmt: skip


def test_what_a_trace_belongs_to():
    series = ("one", "two")
    assert [t["meta"] for t in drawn("class_bars", series)[0].traces] == [
        {"series": s, "class": label} for s in range(2) for label in range(5)
    ]
    boxes = drawn("class_boxes", series)[0]
    assert [t["meta"]["class"] for t in boxes.traces] == [0, 1, 3, 4, 0, 1, 2, 3, 4], "one class has no boxes"
    assert [t["meta"] for t in drawn("bars", series)[0].traces] == [{"series": 0}, {"series": 1}]
    assert [t["meta"] for t in drawn("lines", series)[0].traces] == [{}, *[{"series": 0}] * 5, *[{"series": 1}] * 5]
    assert drawn("class_lines", series)[0].traces[-1]["meta"] == {"series": 1, "class": 4}
    assert [t["meta"] for t in drawn("stacked", series)[0].traces] == [
        {"series": 1, "class": label} for _ in range(3) for label in range(5)
    ]
    density = drawn("density", series)[0]
    assert density.traces[0]["meta"]["series"] == 1
    assert np.array_equal(np.sum(density.traces[0]["meta"]["grids"], axis=0), density.traces[0]["z"])


def test_the_marks_are_where_the_numbers_are():
    (trace,) = drawn("more_bars")[0].traces
    assert trace["y"] == [*plain(NUMBERS[0, :2, 0]), None, *plain(NUMBERS[0, 3:, 0])]
    box = drawn("class_boxes")[0].traces[-1]
    assert [box[key][0] for key in ("lowerfence", "q1", "median", "q3", "upperfence")] == NUMBERS[0, 4].tolist()
    traces = drawn("stacked")[0].traces
    assert [trace["legendgroup"] for trace in traces] == [part for part in ("small", "medium", "large") for _ in NAMES]
    assert {trace["meta"]["class"]: unescape(*trace["y"]) for trace in traces} == dict(enumerate(NAMES))
    widths = np.reshape([trace["x"] for trace in traces], (3, 5))
    np.testing.assert_allclose(widths.sum(axis=0), 1)
    np.testing.assert_allclose(widths[0], [0, 3 / 12, 6 / 21, 9 / 30, 12 / 39])
    (heat,) = drawn("matrix")[0].traces
    assert heat["text"][1] == [3, 4, 5] and heat["z"][2] == [None] * 3
    assert [unescape(name) for name in heat["customdata"][4][1]] == ["both", "a & b"]


def test_what_is_of_one_series_knows_which():
    series = ("one", "two")
    for kind in KINDS:
        chart, own = drawn(kind, series)[0], kind in ("matrix", "density", "stacked")
        assert chart.series == (1 if own else None), kind
        assert chart.id == (f"{chart.name}_2" if own else chart.name)
        assert chart.about == ("two" if own else "one ───, two ╌╌╌" if kind == "class_lines" else "")
        assert drawn(kind)[0].about == ""


def test_colour_tells_lines_of_a_series_apart_and_dash_the_series():
    _, *traces = drawn("class_lines", ("a", "b"))[0].traces
    assert [trace["line"]["dash"] for trace in traces] == ["solid"] * 5 + ["dash"] * 5
    colours = [trace["line"]["color"] for trace in traces]
    assert colours[:5] == colours[5:] == Charts(EN, NAMES, ()).colours
    assert [trace["legendgroup"] for trace in traces] == [*NAMES, *NAMES]
    _, *traces = drawn("lines", ("a", "b"))[0].traces
    assert [len({trace["line"]["color"] for trace in some}) for some in (traces, traces[:5])] == [2, 1]
    assert not any("dash" in trace["line"] or "legendgroup" in trace for trace in traces)


def test_many_series_look_different():
    series = tuple(map(str, range(10)))
    bars = Charts(EN, NAMES, series).bars("figures", ["a"], [[1]] * 10, ("figure", "value"))
    assert len({trace["marker"]["color"] for trace in bars.traces}) == 10
    charts = Charts(EN, NAMES, series[:6])
    lines = charts.lines("pr_curves", [Line("a", [0], [0], s, colour="red") for s in range(6)], ("x", "y"))
    assert len({trace["line"]["dash"] for trace in lines.traces}) == 6
    name, sign = zip(*(said.split(" ", 1) for said in lines.about.split(", ")), strict=True)
    assert name == series[:6] and len(set(sign)) == 6


def test_of_many_names_there_is_no_legend_and_of_many_columns_no_numbers():
    names = tuple(map(str, range(40)))
    charts = Charts(EN, names, ("one", "two"))

    def lines(count: int, colour: str | None) -> Chart:
        return charts.lines(
            "pr_curves", [Line(n, [0], [0], s, None, colour) for s in (0, 1) for n in names[:count]], ("x", "y")
        )

    assert "showlegend" not in lines(MANY, "red").layout and "showlegend" not in lines(40, None).layout
    assert lines(MANY + 1, "red").layout["showlegend"] is False
    for count, template in ((MANY - 1, "%{text}"), (MANY, None)):
        counts = np.ones((3, count))
        chart = charts.matrix("together", names[:3], names[:count], counts, counts)
        assert chart.traces[0].get("texttemplate") == template
        assert chart.layout["height"] == 130 + 34 * 3
    high = charts.matrix("together", names, names, np.eye(40), np.eye(40)).layout["height"]
    assert high == 130 + 22 * 40, "about 900 pixels of fields"


def test_two_rows_that_are_called_alike_stay_two():
    """Plotly would draw what has one name in one place."""
    charts = Charts(EN, ("background", EN.name("kinds", "background")), ("one",))
    fields = (*charts.classes, "(background)")
    counts = np.arange(9).reshape(3, 3)
    chart = charts.matrix("confusion", fields, fields, counts / 8, counts)
    (heat,), shown = chart.traces, ["background", "nothing there", "nothing there"]
    assert (heat.get("x"), heat.get("y"), heat["z"]) == (None, None, (counts / 8).tolist())
    for axis in (chart.layout["xaxis"], chart.layout["yaxis"]):
        assert (axis["tickvals"], axis["ticktext"], axis.get("type")) == ([0, 1, 2], shown, None)
    assert [[tuple(field) for field in row] for row in heat["customdata"]] == [[(r, c) for c in shown] for r in shown]
    assert chart.table.columns == ("row", *fields) and [row[0] for row in chart.table.rows] == [*fields]


def test_text_on_an_axis_is_no_number():
    """Plotly would take "1" and "2-3" for numbers, and leave out the second."""
    charts = Charts(EN, NAMES, ("one",))
    text, numbers = (
        charts.bars("by_count", x, [[0.5, 0.2]], ("objects", "mAP50")).layout["xaxis"] for x in (["1", "2-3"], [1, 2])
    )
    assert text == {"type": "category", **numbers} and numbers == {"title": {"text": EN("charts.by_count.x")}}


def test_titles_of_axes_stay_when_the_layout_says_more_of_them():
    charts = Charts(EN, NAMES, ("one",))
    layout = charts.bars("figures", ["a"], [[1]], ("figure", "value"), yaxis={"range": [0, 1]}).layout
    assert layout["yaxis"] == {"range": [0, 1]}
    layout = charts.class_bars("ap50", [[1] * 5], "AP50", xaxis={"range": [0, 1]}).layout
    assert layout["xaxis"] == {"title": {"text": EN("charts.ap50.x")}, "range": [0, 1]}


def test_the_competitions_classes_have_their_colours_and_many_others_have_some():
    assert Charts(EN, CLASSES, ()).colours[1] == "rgb({},{},{})".format(*PALETTE[1])
    assert len(set(Charts(EN, NAMES, ()).colours)) == 5
    assert len(Charts(EN, tuple(map(str, range(40))), ()).colours) == 40


def test_plain_numbers():
    assert plain(np.array([[1, np.nan], [np.inf, 2]])) == [[1, None], [None, 2]]
    assert plain([(np.int64(3), np.float64("nan"))]) == [[3, None]]
    assert type(plain(np.array([1]))[0]) is int and plain(range(2)) == [0, 1] and plain("a") == "a"
    assert shares(np.array([[1, 3], [0, 0]]), np.array([[4], [0]])).tolist() == [[0.25, 0.75], [0, 0]]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="has not 2 cells"):
        Table(("a", "b"), [(1, 2), (1,)])
    assert len(BOX) == 5
