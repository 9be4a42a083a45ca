"""The words of every language: the same keys, and one for whatever a report says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from mmdet_trash.datasets.suspects import Kind as SuspectKind
from mmdet_trash.evaluation.analysis import TIDE
from mmdet_trash.evaluation.errors import Kind
from mmdet_trash.reports.parts import Gallery
from mmdet_trash.reports.words import LANGUAGES, Words
from tests.builders import ROOT
from tests.reports.cases import full_reports

FIGURES = {"AP", "AP50", "AR", "F1", "mAP", "mAP50"}
"""Columns that are called the same in every language."""


def flat(entries: dict[str, Any], before: str = "") -> dict[str, str]:
    """Texts by their whole keys."""
    found = {}
    for key, value in entries.items():
        assert isinstance(key, str), f"{before}{key}: YAML reads it as {type(key).__name__}"
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def asked_for() -> Iterator[tuple[str, set[str] | None]]:
    """Every key that code asks for in so many words, and the values it gives, None where that cannot be told."""
    for path in sorted((ROOT / "mmdet_trash" / "reports").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            if getattr(node.func, "id", getattr(node.func, "attr", "")) == "words":
                values = [keyword.arg for keyword in node.keywords]
                yield node.args[0].value, None if None in values else set(values)
    template = (ROOT / "mmdet_trash" / "reports" / "templates" / "report.html").read_text()
    for key, values in re.findall(r'words\("([\w.]+)"((?:, \w+=[^(),]+)*)\)', template):
        yield key, {*re.findall(r", (\w+)=", values)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_the_same_values_are_put_in(language):
    english, other = (flat(Words(name).entries) for name in ("en", language))
    assert other.keys() == english.keys()
    for key, text in other.items():
        assert isinstance(text, str) and text.strip(), key
        assert placeholders(text) == placeholders(english[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_code_asks_for_is_there(language):
    texts, asked = flat(Words(language).entries), list(asked_for())
    assert len(asked) > 20
    for key, values in asked:
        assert key in texts
        assert values is None or values == placeholders(texts[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_part_column_and_kind_of_a_report_has_its_words(language, tmp_path):
    words = Words(language)
    columns, parts, sections = set(), set(), set()
    for report in full_reports(words, tmp_path):
        assert f"{report.name}.title" in words and f"{report.name}.series" in words
        sections |= {section.name for section in report.sections}
        facts = {fact.name.split(" · ")[0] for fact in report.facts}
        assert facts - FIGURES <= words.entries["facts"].keys()
        for part in report.parts():
            parts.add(part.name)
            columns |= {*part.table.columns} - {*report.classes}
            if isinstance(part, Gallery):
                kinds = {picture.kind for picture in part.pictures} | {b.kind for p in part.pictures for b in p.boxes}
                assert kinds <= words.entries["kinds"].keys()
    assert all(f"sections.{name}.title" in words for name in sections)
    assert all(f"charts.{name}.title" in words for name in parts)
    assert columns - FIGURES <= words.entries["columns"].keys()
    # And no others: they would only be translated.
    assert words.entries["sections"].keys() == sections
    assert words.entries["charts"].keys() == parts
    assert words.entries["columns"].keys() <= columns


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_that_there_is_has_its_word(language):
    kinds = Words(language).entries["kinds"]
    drawn = {kind.name.lower() for kind in Kind if kind is not Kind.IGNORED} | {"truth", "missed", "other"}
    assert drawn | {kind.value for kind in SuspectKind} | {*TIDE} | {"(background)", "no NMS", "ideal"} <= kinds.keys()


def test_values_are_put_in_and_what_is_not_there_is_an_error():
    words = Words("en")
    assert words("page.rows", count=3) == "3 rows"
    assert words.name("kinds", "tiny") == "tiny" and words.name("kinds", "<a model>") == "<a model>"
    for key in ("page.none", "none", "page.rows.more"):
        assert key not in words
        with pytest.raises((KeyError, TypeError)):
            words(key)
    assert "page.title" not in words and "eda.title" in words
    with pytest.raises(ValueError, match="language 'xx' is unknown, one of en, ko is right"):
        Words("xx")


def test_the_files_are_part_of_the_package():
    folder = Path(ROOT / "mmdet_trash" / "reports" / "words")
    assert {path.stem for path in folder.glob("*.yaml")} == {*LANGUAGES}
