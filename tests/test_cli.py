from collections.abc import Callable

import pytest

from mmdet_trash.cli import fail, run
from mmdet_trash.errors import InputError


def raising(error: Exception) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


def test_success_exits_with_0(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        run(lambda: None)
    assert stop.value.code == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("a.csv: line 3:\n  what\tis wrong"), "a.csv: line 3: what is wrong"),
        (OSError(28, "No space left on device", "out.csv"), "out.csv: No space left on device"),
        (OSError("no number"), "no number"),
    ],
)
def test_a_users_mistake_is_one_line_and_code_2(error: Exception, line: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        run(raising(error))
    assert stop.value.code == 2
    assert capsys.readouterr() == ("", f"error: {line}\n")


def test_our_own_fault_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        run(raising(KeyError("bug")))


def test_fail_prints_one_line(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        fail("two\nlines")
    assert (stop.value.code, capsys.readouterr().err) == (2, "error: two lines\n")
