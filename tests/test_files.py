import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.files import alone, atomic_write, check_no_input, check_writable, read_json, read_yaml


def test_text_is_utf8_with_newlines_as_given(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "out.csv"
    with atomic_write(path) as file:
        file.write("쓰레기\r\nb\n")
        assert not path.exists()
    assert path.read_bytes() == "쓰레기\r\nb\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_bytes_replace_an_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.pkl"
    path.write_bytes(b"old")
    with atomic_write(path, "wb") as file:
        file.write(b"\x00\r\n\xff")
    assert path.read_bytes() == b"\x00\r\n\xff"


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "out") as file:
            file.write("x")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [ValueError("ours"), KeyboardInterrupt(), FileNotFoundError(2, "gone", "another")])
def test_an_error_in_the_block_leaves_the_old_file_and_passes_through(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(type(error)) as raised, atomic_write(path) as file:
        file.write("half")
        raise error
    assert raised.value is error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


FULL_DISK = """
import resource, signal, sys
from mmdet_trash.cli import run
from mmdet_trash.files import atomic_write
from mmdet_trash.predictions import write_predictions
from tests.builders import predictions, table

def main():
    path = sys.argv[1]
    if path.endswith("txt"):
        with atomic_write(path) as file:
            file.write("x" * 10_000)
    else:
        rows = [(i % 2, i % 10, 0.001 * i, i, i / 3, i + 7.5, i + 8) for i in range(1000)]
        write_predictions(predictions(table(), rows), path)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
run(main)
"""


@pytest.mark.parametrize("ending", ["txt", "csv", "json", "parquet"])
def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    path.write_text("old")
    result = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True)
    assert result.stderr == f"error: {path}: cannot write: File too large; nothing was changed\n"
    assert result.returncode == 2
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "below" / "out.csv"
    with pytest.raises(OSError, match="cannot write here: ") as error, atomic_write(path):
        pytest.fail("the block ran")
    assert error.value.filename == str(path)


def test_a_folder_in_the_files_place_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.mkdir()
    with pytest.raises(OSError, match="cannot write: Is a directory; nothing was changed") as error, atomic_write(path):
        pass
    assert error.value.filename == str(path)
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_read_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"이름": [1, 2.5]}, ensure_ascii=False).encode())
    assert read_json(path) == {"이름": [1, 2.5]}


UNREADABLE = {
    "cut in half": (
        b'{"images": [\n  {"id"',
        "not whole JSON: Expecting ':' delimiter at line 2 column 8; is the file",
    ),
    "empty": (b"", "not whole JSON: Expecting value at line 1 column 1; is the file cut short?"),
    "an image": (b"\x89PNG\r\n\x1a\n\0\0\0\r", "not UTF-8 text at byte 0; is it a JSON file?"),
    "a number without end": (b"1" * 5000, "cannot be read as JSON: "),
    "lists without end": (b"[" * 100_000, "cannot be read as JSON: "),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_json_says_why(tmp_path: Path, name: str) -> None:
    content, message = UNREADABLE[name]
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_json(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_missing_json_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file$"):
        read_json(tmp_path / "none.json")
    with pytest.raises(InputError, match=r": is a folder, a JSON file is expected$"):
        read_json(tmp_path)


def test_whether_a_file_can_be_written_is_known_before_and_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "out.csv")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="cannot write here: Not a directory") as error:
        check_writable(tmp_path / "file" / "new" / "out.csv")
    assert error.value.filename == str(tmp_path / "file" / "new" / "out.csv")


def test_a_folder_is_anothers_until_its_process_is_gone_however_it_went(tmp_path, monkeypatch):
    code = f"from mmdet_trash.files import alone\nwith alone({str(tmp_path / 'w')!r}): print('in', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"in\n"
        monkeypatch.setattr("mmdet_trash.files.LEAVING", 0.1)
        with pytest.raises(InputError, match="/w: another process is at work there"), alone(tmp_path / "w"):
            pass
        other.kill()
    with alone(tmp_path / "w"):
        assert (tmp_path / "w").is_dir()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "x.yaml: no such file"),
        (b"a: [1", "x.yaml: not YAML: "),
        (b"a: \xff", "x.yaml: not YAML: "),
        (b"!!python/object/apply:os.system ['exit 1']", "x.yaml: not YAML: could not determine a constructor"),
    ],
)
def test_what_is_no_yaml_or_would_execute_something_is_refused(content, message, tmp_path):
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_yaml(path)


def test_yaml_is_read_as_plain_values(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [1, 2.5, müll]\nb: {c: null}\n")
    assert read_yaml(tmp_path / "x.yaml") == {"a": [1, 2.5, "müll"], "b": {"c": None}}


def test_an_input_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "epoch_2.pth").touch()
    (tmp_path / "last.pth").symlink_to("epoch_2.pth")
    inputs = [str(tmp_path / "epoch_1.pth"), str(tmp_path / "epoch_2.pth")]
    for out in ("epoch_2.pth", "last.pth", "../" + tmp_path.name + "/epoch_1.pth"):
        with pytest.raises(InputError, match=r"pth: is the input \S+epoch_\d\.pth, a new file is right"):
            check_no_input(str(tmp_path / out), inputs)
    check_no_input(str(tmp_path / "average.pth"), inputs)
