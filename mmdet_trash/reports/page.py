"""A report as one HTML file that needs nothing else, and its numbers beside it."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write, check_no_input, check_writable, read_json
from mmdet_trash.reports.charts import Charts
from mmdet_trash.reports.parts import Cell, Chart, Gallery, Report, Table
from mmdet_trash.reports.words import Words

LONGEST = 200
"""Rows of a table that stand on the page; the others are in its file alone."""


def check_page(out: Path, inputs: Iterable[str | Path]) -> None:
    """Check, before long work, that a page can be written, and that nothing it writes replaces what is read.

    Raises:
        InputError: when it is no name of a page, or it or what goes beside it is an input or a file of another kind.
        OSError: naming the page, when its folder cannot be written.
    """
    if out.is_dir() or out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: a page is written there, NAME.html is right")
    check_writable(out)
    check_no_input(out, inputs)
    numbers, folder = _beside(out)
    read = [Path(path).resolve() for path in inputs]
    if numbers.resolve() in read:
        raise InputError(f"{out}: its numbers go to {numbers}, which is an input; another name is right")
    if numbers.exists() and _tables_of(numbers) is None:
        raise InputError(f"{out}: its numbers go to {numbers}, which is no report's; another name is right")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{out}: its tables go to {folder}/, where a file is; another name is right")
    if folder.resolve() in [path.parent for path in read]:
        raise InputError(f"{out}: its tables go to {folder}/, where an input is; another name is right")


def write_report(report: Report, words: Words, out: str | Path) -> list[Path]:
    """Write a page, `NAME.json` with all its numbers and, in the folder `NAME_csv`, each of its tables.

    Args:
        report: what to write.
        words: of the page's language; the numbers' files are the same in every one.
        out: the HTML file.

    Returns:
        The two files and the folder.

    Raises:
        OSError: naming the file that cannot be written.
    """
    out = Path(out)
    numbers, folder = _beside(out)
    page = render(report, words, folder.name)
    _write_tables(report, folder, _tables_of(numbers) or set())
    with atomic_write(numbers) as file:
        json.dump(as_dict(report), file, ensure_ascii=False, allow_nan=False)
        file.write("\n")
    with atomic_write(out) as file:
        file.write(page)
    return [out, numbers, folder]


def _beside(out: Path) -> tuple[Path, Path]:
    """Where a page's numbers and its tables go."""
    return out.with_suffix(".json"), out.with_name(f"{out.stem}_csv")


def as_dict(report: Report) -> dict[str, Any]:
    """A report's numbers: of each table its columns and its rows."""
    return {
        "report": report.name,
        "about": list(report.about),
        "facts": {fact.name: fact.value for fact in report.facts},
        "tables": {part.id: {"columns": part.table.columns, "rows": part.table.rows} for part in report.parts()},
    }


def render(report: Report, words: Words, folder: str) -> str:
    """The page.

    Args:
        report: what it shows.
        words: of its language.
        folder: where the page says that its tables lie.
    """
    templates = files("mmdet_trash.reports") / "templates"
    environment = Environment(
        loader=PackageLoader("mmdet_trash.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "ensure_ascii": False}
    environment.filters["kind_name"] = lambda kind: words.name("kinds", kind)
    charts = {part.id: part for part in report.parts() if isinstance(part, Chart)}
    return environment.get_template("report.html").render(
        report=report,
        words=words,
        folder=folder,
        colours=Charts(words, report.classes, report.series).colours,
        kind=lambda part: {Chart: "chart", Gallery: "gallery"}.get(type(part), "numbers"),
        cell=lambda value: _shown(report, words, value),
        belongs=lambda part, row: _belongs(report, part.table, row),
        first_rows=_first_rows,
        data_uri=lambda jpeg: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}",
        data={name: {"data": chart.traces, "layout": chart.layout} for name, chart in charts.items()},
        plotly=Markup(get_plotlyjs() if charts else "").replace(Markup("</script"), Markup("<\\/script")),
        style=Markup((templates / "report.css").read_text("utf-8")),
        script=Markup((templates / "report.js").read_text("utf-8")),
    )


def _first_rows(table: Table) -> list[Sequence[Cell]]:
    """Those that stand on the page: as many of each series, so that none is left without when another is hidden."""
    if "series" not in table.columns or len(table.rows) <= LONGEST:
        return list(table.rows[:LONGEST])
    place = table.columns.index("series")
    names = dict.fromkeys(row[place] for row in table.rows)
    each = [[row for row in table.rows if row[place] == name] for name in names]
    return [row for rows in each for row in rows[: LONGEST // len(names)]]


def _shown(report: Report, words: Words, value: Cell) -> str:
    """A cell as the page has it: numbers of four digits, kinds in the page's language."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    return value if value in (*report.classes, *report.series) else words.name("kinds", value)


def _belongs(report: Report, table: Table, row: tuple[Cell, ...]) -> Markup:
    """What the filters know a row by."""
    names = {"class": report.classes, "series": report.series}
    found = {column: value for column, value in zip(table.columns, row, strict=True) if column in names}
    return Markup("").join(
        Markup(' data-{}="{}"').format(column, names[column].index(value))
        for column, value in found.items()
        if value in names[column]
    )


def _write_tables(report: Report, folder: Path, earlier: set[str]) -> None:
    """One CSV file a part; those that only an earlier report had go."""
    for part in report.parts():
        with atomic_write(folder / f"{part.id}.csv") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(part.table.columns)
            rows.writerows(part.table.rows)
    for path in folder.glob("*.csv"):
        if path.stem in earlier - {part.id for part in report.parts()}:
            path.unlink()


def _tables_of(numbers: Path) -> set[str] | None:
    """Names of the tables of the report whose numbers these are; None where they are no report's."""
    try:
        return set(read_json(numbers)["tables"])
    except (InputError, OSError, KeyError, TypeError):
        return None
