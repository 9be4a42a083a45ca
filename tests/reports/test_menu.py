import pytest

from mmdet_trash.reports.menu import about, menu_page, menu_row


@pytest.fixture
def folder(tmp_path):
    for name in ("b/two.py", "b/one.py", "a/nested/three.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# What {path.stem} is for.\nmodel = dict()\n")
    return tmp_path


def test_a_row_names_links_and_counts(folder):
    row = menu_row(folder / "b/two.py", folder, (640, 480), 41_350_000, 207_070_000_000)
    assert row == "| [two](b/two.py) | 41.4 | 207.1 | 640x480 | What two is for. |\n"
    assert "| 41.4 | - | 640x480 |" in menu_row(folder / "b/two.py", folder, (640, 480), 41_350_000, None)
    assert "[two](../b/two.py)" in menu_row(folder / "b/two.py", folder / "a", (1, 1), 1, 1)


def test_a_page_has_a_section_for_each_folder(folder):
    rows = {path: f"| {path.stem} |\n" for path in folder.rglob("*.py")}
    page = menu_page(rows, folder, "make it")
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    assert titles == ["## a/nested", "## b"]
    assert page.count("| config |") == 2
    assert page.index("| three |") < page.index("| one |\n| two |\n")
    assert "`make it` writes this page." in page


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# One. Two.\nx = 1\n", "One. Two."),
        ("# One at 1.5 px\n# goes on. Two.\nx = 1\n", "One at 1.5 px goes on."),
        ("# One.\n# Two.\n", "One."),
        ("# One | two\n\n# three\n", r"One \| two"),
        ("x = 1\n# One.\n", ""),
        ("", ""),
    ],
)
def test_what_a_config_is_for_is_its_first_line_to_the_end_of_the_sentence(text, wanted, tmp_path):
    path = tmp_path / "x.py"
    path.write_text(text)
    assert about(path) == wanted
