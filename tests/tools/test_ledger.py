"""The ledger from the command line."""

import hashlib

from PIL import Image

from mmdet_trash.ledger import read_ledger


def test_files_are_entered_scored_shown_and_drawn(tool, tmp_path):
    path, out = tmp_path / "ledger.csv", tmp_path / "cv_lb.png"
    for name, cv, public in (("a", "0.5", "0.52"), ("b", "0.6", "0.58"), ("c", "0.7", None)):
        submission = tmp_path / name / "submission.csv"
        submission.parent.mkdir()
        submission.write_text(name)
        assert (
            tool("ledger", "add", submission, "--cv", cv, "--config", f"configs/{name}.py", "--ledger", path).code == 0
        )
        if public:
            assert tool("ledger", "score", f"{name}/submission.csv", "--public", public, "--ledger", path).code == 0
    rows = read_ledger(path)
    assert [row["sha256"] for row in rows] == [hashlib.sha256(name.encode()).hexdigest() for name in "abc"]
    shown = tool("ledger", "show", "--ledger", path).out
    assert all(text in shown for text in ("0.52", "0.58", "0.7"))

    result = tool("ledger", "plot", "--out", out, "--ledger", path)
    assert result.code == 0 and "2 submissions" in result.out
    with Image.open(out) as image:
        assert image.size == (840, 720)
        assert len(image.convert("RGB").getcolors(10**6)) > 10


def test_mistakes_are_one_line(tool, tmp_path):
    path = tmp_path / "ledger.csv"
    for arguments, message in (
        (["show"], "ledger.csv: no such file"),
        (["add", tmp_path / "none.csv"], "none.csv: No such file"),
        (["add", __file__, "--cv", "high"], "cv is 'high'"),
        (["score", "x.csv"], "score: --public, --private or --note is missing"),
        (["score", "x.csv", "--public", "0.5"], "ledger.csv: no such file"),
    ):
        result = tool("ledger", *arguments, "--ledger", path)
        assert result.code == 2 and message in result.err and len(result.err.splitlines()) == 1
    tool("ledger", "add", __file__, "--ledger", path)
    result = tool("ledger", "plot", "--out", tmp_path / "x.png", "--ledger", path)
    assert result.code == 2 and "no row has both an out-of-fold and a public score" in result.err
