"""What a report is made of, before it is a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Cell = str | int | float | None
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Table:
    """Numbers with their names, as they are written to CSV and JSON.

    Attributes:
        columns: names that are the same in every language.
        rows: as many cells each as there are columns; None where there is no number.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table: a row has not {len(self.columns)} cells: {self.columns}")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Numbers under a title: a table on the page as it is, or what a subclass makes of it.

    Attributes:
        name: what the words of a language know it by.
        table: its numbers.
        series: which of the report's series it is of, where each has its own; the page hides it with that series.
        about: added to its title.
    """

    name: str
    table: Table
    series: int | None = None
    about: str = ""

    @property
    def id(self) -> str:
        """Its name on the page and as a file, which no other part has."""
        return f"{self.name}_{self.series + 1}" if self.series else self.name


@dataclass(frozen=True, kw_only=True)
class Chart(Part):
    """A figure, and the table that says the same in numbers.

    Attributes:
        traces: Plotly's, as plain dicts. `meta` says what a trace belongs to: `{"class": 3, "series": 0}`.
        layout: Plotly's.
    """

    traces: list[dict[str, Any]]
    layout: dict[str, Any]


@dataclass(frozen=True)
class Box:
    """A box on a picture.

    Attributes:
        kind: what it is, such as `truth` or `missed`; the page colours it and can hide it.
        xyxy: in the photograph's pixels.
        label: of its class.
        text: what is said of it.
        loud: whether that always stands beside it, or only when one points at it.
    """

    kind: str
    xyxy: Corners
    label: int
    text: str
    loud: bool = True


@dataclass(frozen=True)
class Picture:
    """A photograph, or a part of it, with boxes.

    Attributes:
        caption: which one it is, and why it is shown.
        window: the part of the photograph that is shown, xyxy in its pixels.
        boxes: what is drawn on it.
        jpeg: a small copy of that part, or None where there is no file; then the boxes stand alone.
        kind: what it is an example of, by which the page sorts.
    """

    caption: str
    window: Corners
    boxes: tuple[Box, ...]
    jpeg: bytes | None = None
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Gallery(Part):
    """Pictures, and the table that lists what they show and what they leave out."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Section:
    """Parts under one heading."""

    name: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Fact:
    """A figure that comes first.

    Attributes:
        name: the same in every language.
        value: the figure.
        more: what the page says after it.
    """

    name: str
    value: Cell
    more: str = ""


@dataclass(frozen=True)
class Report:
    """A page.

    Attributes:
        name: `eda` or `analysis`, by which the words of a language know it.
        about: the files it is made from.
        facts: figures that come first.
        notes: what was not as it should be, one sentence each.
        sections: in the page's order; those without parts are left out.
        classes: names in label order, to filter by.
        series: names of models or datasets, to filter by where there are several.
    """

    name: str
    about: tuple[str, ...]
    facts: list[Fact]
    notes: list[str]
    sections: list[Section]
    classes: tuple[str, ...]
    series: tuple[str, ...]

    def parts(self) -> Iterator[Part]:
        """Every part, in order."""
        for section in self.sections:
            yield from section.parts
