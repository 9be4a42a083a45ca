"""What goes through one format and another comes back the same."""

import logging
import signal
import subprocess
import sys
import time
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import READERS, WRITERS, Predictions, read, read_predictions, write_predictions
from tests.builders import ROOT, float32s, predictions, table

IMAGES = table([f"test/{i}.jpg" for i in range(4)], categories=(1, 2, 3, 5, 90))
SAYS_EMPTY = {".csv", ".pkl", ".parquet"}
"""Endings of formats that list an image without boxes."""

# As precise as a coordinate is: the difference of two fits into a double.
COORDINATES = st.just(0.0) | float32s(2**-10, 2000) | float32s(-50, -(2**-10))
ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), float32s(0, 1), *[COORDINATES] * 4),
    max_size=12,
)


def as_float32(found: Predictions) -> tuple[bytes, ...]:
    numbers = [(found.image_index, int), (found.labels, int), (found.scores, np.float32), (found.bboxes, np.float32)]
    # Zero has two signs, and they are the same number.
    return tuple((column.astype(kind) + kind(0)).tobytes() for column, kind in numbers)


def test_what_can_be_written_can_be_read() -> None:
    assert set(READERS) == set(WRITERS)


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), permutations(READERS, 2))
@given(rows=ROWS)
def test_a_format_and_back_again_loses_no_bit_of_float32(
    tmp_path_factory: pytest.TempPathFactory, first: str, second: str, rows: list[tuple]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    original = predictions(IMAGES, rows)
    write_predictions(original, folder / f"1{first}")
    for source, target in (("1" + first, "2" + second), ("2" + second, "3" + first)):
        write_predictions(read(folder / source, IMAGES, trust_pickle=True).predictions, folder / target)
    for name in ("1" + first, "2" + second, "3" + first):
        reading = read(folder / name, IMAGES, trust_pickle=True)
        assert as_float32(reading.predictions) == as_float32(original), name
        if Path(name).suffix in SAYS_EMPTY:
            assert reading.listed.all()
        else:
            assert np.flatnonzero(reading.listed).tolist() == sorted(set(original.image_index.tolist()))


@pytest.mark.slow
@pytest.mark.parametrize("ending", WRITERS)
@given(rows=ROWS)
def test_what_is_written_is_read_without_a_note_on_the_file(
    tmp_path_factory: pytest.TempPathFactory, ending: str, rows: list[tuple]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"strict{ending}"
    write_predictions(predictions(IMAGES, rows), path)
    notes = read(path, IMAGES, trust_pickle=True).notes
    assert [note for note in notes if not note.startswith("boxes ")] == []


@pytest.mark.parametrize("ending", [".xlsx", "", ".csv.gz"])
def test_an_unknown_ending_names_the_right_ones(tmp_path: Path, ending: str) -> None:
    with pytest.raises(InputError, match=r"unknown ending for predictions, one of .csv, .json, .pkl, .parquet is righ"):
        read(tmp_path / f"a{ending}", IMAGES)


def test_notes_are_logged_as_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "A.CSV"
    path.write_text("PredictionString,image_id\r\n1 2.5 0 0 1 1,test/0.jpg\r\n")
    assert len(read_predictions(path, IMAGES)) == 1
    assert caplog.record_tuples == [
        ("mmdet_trash", logging.WARNING, f"{path}: {note}")
        for note in (
            "lines that end in CRLF: 2, first line 1",
            "images without a row: 3 of 4, first 'test/1.jpg'",
            "scores outside 0 to 1: 1, first line 2 (2.5)",
        )
    ]


WRITE = """
import sys
import time
from pathlib import Path
import numpy as np
from mmdet_trash.predictions import Predictions, write_predictions
from tests.builders import table

images, count = table([f"{i}.jpg" for i in range(1000)]), 300_000
rows = np.random.default_rng(0).random((count, 5))
large = Predictions.from_columns(images, np.arange(count) % 1000, np.arange(count) % 10, rows[:, 0], rows[:, 1:])
if sys.argv[2] == "stays":
    Path.replace = lambda *_: time.sleep(60)
print("made", flush=True)
while True:
    write_predictions(large, sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_a_write_that_is_killed_leaves_a_whole_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    images = table([f"{i}.jpg" for i in range(1000)])
    old = predictions(images, [(i, i % 10, 0.5, 0, 0, 1, 1) for i in range(1000)])
    kills = [("stays", 0.5)] + [("goes on", delay) for delay in (0, 0.001, 0.003, 0.01, 0.02)]
    for name, delay in kills:  # a file that stays never takes its name, however fast it is written
        write_predictions(old, path)
        before = path.read_bytes()
        child = subprocess.Popen([sys.executable, "-c", WRITE, path, name], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert child.stdout is not None and child.stdout.readline() == "made\n"
        end = time.monotonic() + 10
        while len(list(tmp_path.iterdir())) == 1 and child.poll() is None and time.monotonic() < end:
            pass  # until the new file is begun beside the old one
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        child.stdout.close()
        begun = [other for other in tmp_path.iterdir() if other != path]
        found = read(path, images).predictions
        if path.read_bytes() == before:
            assert as_float32(found) == as_float32(old)
        else:
            assert name == "goes on"
            assert len(found) == 300_000, "the first write was done, and its file is whole"
        assert begun or name == "goes on"
        for other in begun:
            other.unlink()
