import logging
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


def test_a_warning_of_the_package_is_one_line_and_others_stay_silent(capsys: pytest.CaptureFixture) -> None:
    def main() -> None:
        logging.getLogger("mmdet_trash").warning("%s: two\n  lines", "a.csv")
        logging.getLogger("mmdet_trash.predictions").warning("below")
        logging.getLogger("mmdet_trash").info("not for the user")
        logging.getLogger("another").info("not ours")

    for _ in range(2):  # a second run in one process does not say everything twice
        with pytest.raises(SystemExit) as stop:
            run(main)
        assert stop.value.code == 0
        assert capsys.readouterr() == ("", "warning: a.csv: two lines\nwarning: below\n")
