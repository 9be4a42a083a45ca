"""What every command line in `tools/` shares."""

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from mmdet_trash.errors import InputError


def run(main: Callable[[], None]) -> NoReturn:
    """Run a tool's `main` and leave with its exit code: 0, or 2 with one line when the input is wrong.

    What the package logs as a warning is a line on stderr. A fault of ours (any other exception) keeps its traceback.
    """
    show_warnings()
    try:
        main()
    except InputError as error:
        fail(str(error))
    except OSError as error:
        # One that a data loader's worker raised carries the worker's traceback before its last line.
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error).strip().rsplit("\n", 1)[-1])
    sys.exit(0)


class _WarningLines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(f"{record.levelname.lower()}: {' '.join(record.getMessage().split())}", file=sys.stderr)


def show_warnings() -> None:
    """Print each warning that the package logs as one `warning:` line to stderr."""
    logger = logging.getLogger("mmdet_trash")
    if not any(isinstance(handler, _WarningLines) for handler in logger.handlers):
        logger.addHandler(_WarningLines(logging.WARNING))


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what is logged below a warning: each environment variable that a config reads, each weight drawn."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def fail(message: str) -> NoReturn:
    """Print one `error:` line to stderr and exit with code 2."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


def positive(text: str) -> int:
    """An argument that is an integer of 1 or more, for `argparse`."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number of 1 or more is right")
    return number
