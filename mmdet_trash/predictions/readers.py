"""Reading prediction files in any format."""

import logging
from collections.abc import Callable
from pathlib import Path

from mmdet_trash.errors import InputError
from mmdet_trash.predictions.coco_results import read_coco_results
from mmdet_trash.predictions.columns import ImageTable, Predictions
from mmdet_trash.predictions.mmdet_pickle import read_pickle
from mmdet_trash.predictions.parquet_table import read_parquet
from mmdet_trash.predictions.reading import Reading
from mmdet_trash.predictions.submission_csv import read_csv


def read(path: str | Path, images: ImageTable, trust_pickle: bool = False) -> Reading:
    """Read a prediction file in the format that its ending names: `.csv`, `.json`, `.pkl` or `.parquet`.

    Args:
        path: the file.
        images: the images of the annotation file that the predictions are about.
        trust_pickle: whether a pickle may be read, which lets it execute what it likes.

    Returns:
        The predictions, the images that the file lists, and what was not as it should be and was read all the same.

    Raises:
        InputError: for any other ending, and for what cannot be read: the file, the line or entry, what is right.
    """
    reader = reader_for(path)
    return reader(path, images, trust_pickle) if reader is read_pickle else reader(path, images)


def read_predictions(path: str | Path, images: ImageTable, trust_pickle: bool = False) -> Predictions:
    """The predictions of a file; what `read` notes about it is logged as warnings.

    Raises:
        InputError: as `read`.
    """
    reading = read(path, images, trust_pickle)
    log_notes(path, reading)
    return reading.predictions


def log_notes(path: str | Path, reading: Reading) -> None:
    """Log each note on a file as a warning."""
    for note in reading.notes:
        logging.getLogger("mmdet_trash").warning("%s: %s", path, note)


def reader_for(path: str | Path) -> Callable[..., Reading]:
    """The reader that a file's ending names.

    Raises:
        InputError: for an ending that names none.
    """
    reader = READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise InputError(f"{path}: unknown ending for predictions, one of {', '.join(READERS)} is right")
    return reader


READERS: dict[str, Callable[..., Reading]] = {
    ".csv": read_csv,
    ".json": read_coco_results,
    ".pkl": read_pickle,
    ".parquet": read_parquet,
}
"""Reader by file ending."""
