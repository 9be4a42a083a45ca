"""The ledger: a CSV file that ties what was submitted to what it came from, and to its place on the leaderboard."""

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write

COLUMNS = ("time", "config", "checkpoint", "cv", "spread", "file", "sha256", "public", "private", "note")
"""`cv` is the out-of-fold mAP50 and `spread` its standard deviation between folds; `public` and `private` are the
leaderboard's scores, typed in by hand. Further columns are kept."""
NUMBERS = ("cv", "spread", "public", "private")


def read_ledger(path: str | Path) -> list[dict[str, str]]:
    """The rows of a ledger, as text; numbers are checked.

    Raises:
        InputError: naming the file and row of what is wrong.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, restkey="", restval="")
            if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
                raise InputError(f"{path}: has no column {missing[0]!r}; a ledger has {','.join(COLUMNS)}")
            found = list(rows)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is no CSV file: {error}") from None
    for number, row in enumerate(found, start=1):
        if "" in row:
            raise InputError(f"{path}: row {number}: has more fields than the {len(row) - 1} columns")
        for name in NUMBERS:
            _checked(row[name], f"{path}: row {number}: {name}")
    return found


def append(path: str | Path, entry: dict[str, Any]) -> None:
    """Add a row, unless there is one of the same file with the same content.

    The ledger is made if missing, and written whole or not at all.

    Args:
        path: the ledger.
        entry: values by column; what is left out is empty, and `time` is now.

    Raises:
        InputError: when the file there is no ledger, or a number is none.
    """
    for name in NUMBERS:
        _checked(str(entry.get(name, "")), f"{path}: {name}")
    with _locked(path):
        rows = read_ledger(path) if Path(path).exists() else []
        if any(all(entry.get(name) == row[name] for name in ("file", "sha256")) for row in rows):
            return
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        _write(path, [*rows, {**dict.fromkeys(COLUMNS, ""), "time": now, **{k: str(v) for k, v in entry.items()}}])


def set_scores(path: str | Path, file: str, scores: dict[str, Any]) -> dict[str, str]:
    """Enter what the leaderboard said about a file, in the newest row that names it.

    Args:
        path: the ledger.
        file: as the row says it, or its end, such as the name without folders.
        scores: `public`, `private` or `note`.

    Returns:
        The row.

    Raises:
        InputError: when no row names the file, or a number is none.
    """
    for name in NUMBERS:
        _checked(str(scores.get(name, "")), f"{path}: {name}")
    with _locked(path):
        rows = read_ledger(path)
        end = Path(file).parts
        named = [row for row in rows if file and Path(row["file"]).parts[-len(end) :] == end]
        if not named:
            files = ", ".join(dict.fromkeys(row["file"] for row in rows)) or "no file yet"
            raise InputError(f"{path}: has no row of {file}; it has {files}")
        named[-1].update({name: str(value) for name, value in scores.items()})
        _write(path, rows)
        return named[-1]


def scored(rows: Iterable[dict[str, str]], board: str) -> list[tuple[float, float, str]]:
    """Out-of-fold score, leaderboard score and file of each row that has both."""
    return [(float(row["cv"]), float(row[board]), row["file"]) for row in rows if row["cv"] and row[board]]


def _locked(path: str | Path) -> FileLock:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return FileLock(Path(path).with_name(f".{Path(path).name}.lock"))


def _write(path: str | Path, rows: list[dict[str, str]]) -> None:
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, list(rows[0]), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _checked(text: str, what: str) -> None:
    try:
        right = not text or 0 <= float(text) <= 100
    except ValueError:
        right = False
    if not right:
        raise InputError(f"{what} is {text!r}, a number between 0 and 100 or nothing is right")
