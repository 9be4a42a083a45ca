import csv
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.ledger import COLUMNS, append, read_ledger, scored, set_scores


def test_rows_come_back_as_they_were_entered(tmp_path):
    path = tmp_path / "work" / "ledger.csv"
    append(path, {"file": "a/submission.csv", "sha256": "1", "cv": 0.5, "note": 'two, "three"\nfour'})
    append(path, {"file": "b/submission.csv", "sha256": "2", "config": "müll.py"})
    first, second = read_ledger(path)
    assert (first["file"], first["cv"], first["note"], first["public"]) == (
        "a/submission.csv", "0.5", 'two, "three"\nfour', "",
    )  # fmt: skip
    assert (second["file"], second["config"]) == ("b/submission.csv", "müll.py")
    assert first["time"] <= second["time"]


def test_the_same_file_is_entered_once_and_another_content_of_it_again(tmp_path):
    path = tmp_path / "ledger.csv"
    for content in ("1", "1", "2"):
        append(path, {"file": "submission.csv", "sha256": content})
    assert [row["sha256"] for row in read_ledger(path)] == ["1", "2"]


def test_entries_of_several_processes_do_not_get_lost(tmp_path):
    path = tmp_path / "ledger.csv"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append(path, {"file": f"{number}.csv", "sha256": str(number)}), range(40)))
    assert sorted(int(row["sha256"]) for row in read_ledger(path)) == list(range(40))


def test_a_score_goes_to_the_newest_row_of_a_file_that_its_name_alone_may_name(tmp_path):
    path = tmp_path / "ledger.csv"
    for content, file in (("1", "w/a/submission.csv"), ("2", "w/a/submission.csv"), ("3", "w/b/submission.csv")):
        append(path, {"file": file, "sha256": content, "cv": 0.25})
    set_scores(path, "a/submission.csv", {"public": 0.61})
    set_scores(path, "submission.csv", {"private": "0.5", "note": "late"})
    rows = read_ledger(path)
    assert [(row["public"], row["private"]) for row in rows] == [("", ""), ("0.61", ""), ("", "0.5")]
    assert scored(rows, "public") == [(0.25, 0.61, "w/a/submission.csv")]
    with pytest.raises(InputError, match=r"has no row of mission.csv; it has w/a/submission.csv, w/b/submission.csv"):
        set_scores(path, "mission.csv", {"public": 0.61})


def test_columns_of_ones_own_are_kept(tmp_path):
    path = tmp_path / "ledger.csv"
    path.write_text(",".join((*COLUMNS, "mood")) + "\n" + "," * (len(COLUMNS) - 5) + "x.csv,s,,,,good\n")
    append(path, {"file": "y.csv", "sha256": "t"})
    with path.open(newline="") as file:
        assert [(row["file"], row["mood"]) for row in csv.DictReader(file)] == [("x.csv", "good"), ("y.csv", "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "has no column 'time'"),
        ("", "has no column 'time'"),
        (",".join(COLUMNS) + "\n" + ",".join(["", "", "", "high", *[""] * 6]) + "\n", "row 1: cv is 'high', a number"),
        (",".join(COLUMNS) + "\n" + ",".join(["", "", "", "nan", *[""] * 6]) + "\n", "row 1: cv is 'nan', a number"),
        (",".join(COLUMNS) + "\n" + "," * 12 + "\n", "row 1: has more fields than the 10 columns"),
    ],
)
def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(text, message, tmp_path):
    path = tmp_path / "ledger.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        append(path, {"file": "y.csv"})
    assert path.read_text() == text


def test_a_score_that_is_no_number_is_refused(tmp_path):
    append(tmp_path / "ledger.csv", {"file": "y.csv"})
    with pytest.raises(InputError, match=r"public is '0,61', a number between 0 and 100 or nothing is right"):
        set_scores(tmp_path / "ledger.csv", "y.csv", {"public": "0,61"})
    with pytest.raises(InputError, match=r"none.csv: no such file"):
        set_scores(tmp_path / "none.csv", "y.csv", {"public": "0.61"})
