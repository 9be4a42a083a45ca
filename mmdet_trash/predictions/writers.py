"""Writing prediction files in any format."""

from collections.abc import Callable
from pathlib import Path

from mmdet_trash.errors import InputError
from mmdet_trash.predictions.coco_results import write_coco_results
from mmdet_trash.predictions.columns import Predictions
from mmdet_trash.predictions.mmdet_pickle import write_pickle
from mmdet_trash.predictions.parquet_table import write_parquet
from mmdet_trash.predictions.submission_csv import write_csv


def write_predictions(predictions: Predictions, path: str | Path) -> None:
    """Write predictions in the format that the file's ending names: `.csv`, `.json`, `.pkl` or `.parquet`.

    Raises:
        InputError: for any other ending, and for what the format cannot hold.
    """
    writer_for(path)(predictions, Path(path))


def writer_for(path: str | Path) -> Callable[[Predictions, Path], None]:
    """The writer that a file's ending names.

    Raises:
        InputError: for an ending that names none.
    """
    writer = WRITERS.get(Path(path).suffix.lower())
    if writer is None:
        raise InputError(f"{path}: unknown ending for predictions, one of {', '.join(WRITERS)} is right")
    return writer


WRITERS: dict[str, Callable[[Predictions, Path], None]] = {
    ".csv": write_csv,
    ".json": write_coco_results,
    ".pkl": write_pickle,
    ".parquet": write_parquet,
}
"""Writer by file ending."""
