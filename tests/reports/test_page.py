"""The page and the files beside it, of a report whose names would break them."""

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import plotly.offline
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.reports import page
from mmdet_trash.reports.charts import Charts, Line
from mmdet_trash.reports.page import LONGEST, as_dict, check_page, render, write_report
from mmdet_trash.reports.parts import Box, Fact, Gallery, Part, Picture, Report, Section, Table
from mmdet_trash.reports.words import LANGUAGES, Words
from tests.reports.cases import EN, written

EVIL = "</script><img src=http://a.b/c onerror=x>"
CLASSES = (EVIL, "a & b", '"유리"', "small")
SERIES = ("one", "</style><!--")
PLOTLY = "const p = '</script><!-- url(http://a.b)';"


@pytest.fixture
def short(monkeypatch):
    """Plotly's own text, which is megabytes, in short."""
    monkeypatch.setattr(page, "get_plotlyjs", lambda: PLOTLY)


def report() -> Report:
    charts = Charts(EN, CLASSES, SERIES)
    boxes = (Box("truth", (1, 2, 30, 40), 0, EVIL, loud=False), Box("whole image", (0, 0, 50, 50), 3, "two\nlines"))
    pictures = (
        Picture(EVIL, (0, 0, 50, 50), boxes, b"jpeg", "whole image"),
        Picture("b", (5, 5, 9, 9), (), None, "tiny"),
    )
    rows = [(EVIL, 'a, "b"\nc', None), ("é", 1 / 3, "tiny"), (12345678, 1234.56, "small")]
    suspects = Gallery(name="suspects", table=Table(("image", "amount", "kind"), rows), pictures=pictures, series=1)
    many = Table(("class", "boxes"), [("small", number) for number in range(LONGEST + 1)])
    one = np.eye(4, dtype=int)
    return Report(
        name="eda",
        about=(f"{EVIL}.json", "b.json"),
        facts=[Fact("images", 1000), Fact(f"mAP50 · {EVIL}", 1 / 3, "(0.3–0.4)"), Fact("best score", None)],  # noqa: RUF001
        notes=[f"{EVIL} is missing", "100 % {of} it"],
        sections=[
            Section("classes", [charts.class_bars("class_boxes", [[1, 2, 0.1, np.nan]] * 2, "boxes")]),
            Section("images", []),
            Section("places", [charts.matrix("together", CLASSES, CLASSES, one, one, s) for s in (0, 1)]),
            Section("ap", [charts.lines("pr_curves", [Line(EVIL, [0, 1], [1, 0], 1, 0)], ("recall", "precision"))]),
            Section("suspects", [suspects]),
            Section("datasets", [Part(name="datasets", about=EVIL, table=many)]),
        ],
        classes=CLASSES,
        series=SERIES,
    )  # fmt: skip


class Page(HTMLParser):
    """A page as a browser reads it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.cells: list[list[str]] = []
        self.everything = ""
        self.now = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.now = tag
        self.texts.setdefault(tag, []).append("")
        if tag == "tr":
            self.cells.append([])

        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        self.now = ""

    def handle_data(self, data):
        self.everything += data
        self.texts.setdefault(self.now, [""])[-1] += data
        if self.now in ("td", "th"):
            self.cells[-1][-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def strict(text: str | bytes) -> object:
    """JSON as the standard has it, without NaN."""

    def refuse(name):
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_asks_nothing_of_others_and_names_stay_text(short, language):
    found = Page(render(report(), Words(language), "a_csv"))
    (policy,) = (meta for meta in found.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert (
        "default-src 'none'" in policy["content"] and "http" not in policy["content"] and "*" not in policy["content"]
    )
    for _, attributes in found.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "srcset", "action", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:", "a_csv/")), attributes
        assert "url(" not in (attributes.get("style") or "")
    assert not {"iframe", "object", "embed", "base", "form"} & {tag for tag, _ in found.tags}
    assert len(found.of("style")) == 1 and len(found.of("script")) == 3 and len(found.of("img")) == 1
    style, (plotly, data, _) = "".join(found.texts["style"]), found.texts["script"]
    assert "url(" not in style and "@import" not in style
    assert plotly.strip() == PLOTLY.replace("</script", "<\\/script")
    assert strict(data) == {
        p.id: {"data": p.traces, "layout": p.layout} for p in report().parts() if hasattr(p, "traces")
    }
    assert EVIL in "".join(found.texts["title"]) and f"{EVIL} is missing" in found.texts["li"]
    assert found.of("html") == [{"lang": language}]


def test_plotly_itself_is_in_the_page_and_does_not_end_its_script():
    text = render(report(), EN, "a_csv")
    assert len(text) > len(plotly.offline.get_plotlyjs())
    assert text.count("</script") == 3


def test_a_report_without_charts_goes_without_plotly(short):
    empty = Report("eda", (), [], [], [], (), ())
    assert PLOTLY[:9] in render(report(), EN, "a_csv") and PLOTLY[:9] not in render(empty, EN, "a_csv")


def test_tables_pictures_and_filters_say_what_they_belong_to(short):
    found = Page(render(report(), EN, "a_csv"))
    assert tuple(text for text in found.texts["button"] if text in CLASSES) == CLASSES
    assert [row for row in found.cells if row[:2] == ["one", "a & b"]] == [["one", "a & b", "2"]]
    rows = [attributes for attributes in found.of("tr") if attributes.get("data-series") == "1"]
    assert [row.get("data-class") for row in rows] == ["0", "1", "2", "3", None, None]
    assert {article["id"]: article.get("data-series") for article in found.of("article")} == {
        "class_boxes": None, "together": "0", "together_2": "1", "pr_curves": None, "suspects_2": "1", "datasets": None,
    }  # fmt: skip
    assert [(box["class"], box["data-kind"], box["data-class"]) for box in found.of("g")] == [
        ("box truth", "truth", "0"), ("box loud whole-image", "whole image", "3"),
    ]  # fmt: skip
    assert found.texts["text"] == [EVIL, "two\nlines"], "one that is not loud is told when one points at it"
    assert [(p["data-kind"], p["data-classes"]) for p in found.of("figure")] == [("whole image", "0 3"), ("tiny", "")]
    assert found.of("img")[0]["src"] == "data:image/jpeg;base64,anBlZw=="
    assert [box["viewbox"] for box in found.of("svg")] == ["0 0 50 50", "5 5 4 4"]
    assert "section-images" not in {attributes.get("id") for attributes in found.of("section")}
    opened = ["open" in details for details in found.of("details")]
    assert opened == [False, True, *[False] * 5, True], "filters, notes, and a table that stands alone at the end"


def test_of_a_single_series_nothing_is_to_be_hidden_with_it(short):
    found = Page(render(replace(report(), series=("one",)), EN, "a_csv"))
    assert not any("data-series" in article for article in found.of("article"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_table_is_cut_and_a_class_keeps_its_name(short, language):
    words = Words(language)
    found = Page(render(report(), words, "a_csv"))
    assert sum(row[0] == "small" and len(row) == 2 for row in found.cells) == LONGEST
    assert [words.name("columns", "row"), *CLASSES] in found.cells
    assert words("page.first_rows", shown=LONGEST, count=LONGEST + 1) in found.everything
    assert all(f"· {words('page.rows', count=count)}\n" in found.everything for count in (3, 8))
    uncut = Table(("class", "boxes"), [("small", 1)] * LONGEST)
    whole = replace(report(), sections=[Section("datasets", [Part(name="datasets", table=uncut)])])
    assert f"· {words('page.rows', count=LONGEST)}\n" in Page(render(whole, words, "a_csv")).everything


def test_a_table_that_is_cut_has_rows_of_every_series(short):
    rows = [(name, number) for name in ("one", "two") for number in range(LONGEST)]
    parts = [Part(name="datasets", table=Table(("series", "boxes"), rows))]
    found = Page(render(replace(report(), sections=[Section("datasets", parts)], series=("one", "two")), EN, "a_csv"))
    half = LONGEST // 2
    shown = [cells for cells in found.cells if len(cells) == 2 and cells[0] in ("one", "two")]
    assert [cells[0] for cells in shown] == ["one"] * half + ["two"] * half
    assert EN("page.first_rows", shown=LONGEST, count=2 * LONGEST) in found.everything


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_short_and_kinds_are_said_in_words(short, language):
    words = Words(language)
    found = Page(render(report(), words, "a_csv"))
    assert [row for row in found.cells if row[0] in (EVIL, "é", "12,345,678") and len(row) == 3][-3:] == [
        [EVIL, 'a, "b"\nc', ""], ["é", "0.3333", words.name("kinds", "tiny")], ["12,345,678", "1,235", "small"],
    ]  # fmt: skip
    assert [text.strip() for text in found.texts["dd"]] == ["1,000", "0.3333 (0.3–0.4)", ""]  # noqa: RUF001
    assert found.texts["dt"] == [words.name("facts", "images"), f"mAP50 · {EVIL}", words.name("facts", "best score")]
    for kind in ("truth", "whole image", "tiny"):
        assert words.name("kinds", kind) in found.texts["button"]
    assert [group["aria-label"] for group in found.of("div") if group.get("role") == "group"] == [
        words("eda.series"), words("page.classes"), words("page.kinds"), words("page.boxes"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a.html", "a#b?c%20 유리:.html"])
def test_the_files_hold_the_tables_and_the_page_links_to_them(short, tmp_path, name):
    out, numbers, folder = write_report(report(), EN, tmp_path / "new" / name)
    assert sorted(path.name for path in out.parent.iterdir()) == sorted(path.name for path in (out, numbers, folder))
    content = strict(numbers.read_text())
    assert content == json.loads(json.dumps(as_dict(report())))
    assert content["facts"] == {"images": 1000, f"mAP50 · {EVIL}": 1 / 3, "best score": None}
    for part in report().parts():
        assert content["tables"][part.id] == {
            "columns": [*part.table.columns],
            "rows": [[*row] for row in part.table.rows],
        }
        rows = list(csv.reader(io.StringIO((folder / f"{part.id}.csv").read_bytes().decode(), newline="")))
        shown = [["" if cell is None else str(cell) for cell in row] for row in part.table.rows]
        assert rows == [[*part.table.columns], *shown]
    links = {unquote(link["href"]) for link in Page(out.read_text()).of("a") if not link["href"].startswith("#")}
    assert links == {f"{folder.name}/{part.id}.csv" for part in report().parts()}
    assert all("%23" in link["href"] for link in Page(out.read_text()).of("a") if "#" in name and "csv" in link["href"])


def test_the_same_report_is_the_same_bytes_and_its_numbers_are_in_every_language(short, tmp_path):
    for folder, words in (("a", EN), ("b", Words("en")), ("c", Words("ko"))):
        write_report(report(), words, tmp_path / folder / "x.html")
    first, again, other = (written(tmp_path / folder) for folder in "abc")
    assert first == again
    assert other.pop("x.html") != first.pop("x.html")
    assert other == first


def test_tables_of_an_earlier_report_go_and_what_else_is_there_stays(short, tmp_path):
    old = [Section("datasets", [Part(name="datasets", series=6, table=Table(("boxes",), [(1,)]))])]
    write_report(replace(report(), sections=old), EN, tmp_path / "x.html")
    assert (tmp_path / "x_csv" / "datasets_7.csv").read_text() == "boxes\n1\n"
    for name in ("mine.csv", "notes.txt", "deep/old.csv"):
        (tmp_path / "x_csv" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x_csv" / name).write_text("mine")
    (tmp_path / "old.csv").write_text("mine")
    write_report(report(), EN, tmp_path / "x.html")
    names = {f"x_csv/{part.id}.csv" for part in report().parts()}
    assert written(tmp_path).keys() == {
        *("x.html", "x.json", "old.csv", "x_csv/mine.csv", "x_csv/notes.txt", "x_csv/deep/old.csv"),
        *names,
    }
    assert len(names) == len(list(report().parts()))


def test_numbers_that_are_no_json_are_not_written(short, tmp_path):
    wrong = Section("datasets", [Part(name="datasets", table=Table(("boxes",), [(float("nan"),)]))])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_report(replace(report(), sections=[wrong]), EN, tmp_path / "x.html")
    assert not {"x.html", "x.json"} & written(tmp_path).keys()


@pytest.mark.parametrize(("blocked", "named"), [("sub", "sub"), ("sub/x_csv", "x_csv")])
def test_a_place_that_cannot_be_written_is_named(short, tmp_path, blocked, named):
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_text("a file")
    with pytest.raises(OSError, match="cannot write here") as error:
        write_report(report(), EN, tmp_path / "sub" / "x.html")
    assert named in error.value.filename
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [named]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("x.json", "x.json: a page is written there, NAME.html is right"),
        ("x", "x: a page is written there, NAME.html is right"),
        (".", ".: a page is written there, NAME.html is right"),
        ("folder.html", "folder.html: a page is written there, NAME.html is right"),
        ("in.html", "in.html: is the input in.html, a new file is right"),
        ("link.htm", "link.htm: is the input in.html, a new file is right"),
        ("gt.html", "gt.html: its numbers go to gt.json, which is an input; another name is right"),
        ("other.HTM", "other.HTM: its numbers go to other.json, which is an input; another name is right"),
        ("train.html", "train.html: its numbers go to train.json, which is no report's; another name is right"),
        ("d.html", "d.html: its numbers go to d.json, which is no report's; another name is right"),
        ("a.html", "a.html: its tables go to a_csv/, where a file is; another name is right"),
        ("b.html", "b.html: its tables go to b_csv/, where an input is; another name is right"),
    ],
)
def test_a_page_replaces_nothing_that_is_read_and_no_file_of_another_kind(tmp_path, monkeypatch, out, message):
    monkeypatch.chdir(tmp_path)
    for name in ("folder.html", "d.json", "b_csv"):
        (tmp_path / name).mkdir()
    for name in ("in.html", "gt.json", "train.json", "a_csv", "b_csv/figures.csv"):
        (tmp_path / name).write_text('{"images": []}')
    (tmp_path / "link.htm").symlink_to("in.html")
    (tmp_path / "other.json").symlink_to("gt.json")
    with pytest.raises(InputError) as error:
        check_page(Path(out), ["in.html", Path("gt.json"), "b_csv/figures.csv"])
    assert str(error.value) == message
    assert {*written(tmp_path).values()} == {b'{"images": []}'}


@pytest.mark.parametrize("out", ["x.html", "x.htm", "x.HTML", "new/x.html", "old.html"])
def test_a_page_may_replace_an_earlier_one(short, tmp_path, out):
    write_report(report(), EN, tmp_path / "old.html")
    check_page(tmp_path / out, [tmp_path / "gt.json", tmp_path / "old.csv"])
