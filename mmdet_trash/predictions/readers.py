"""Reading prediction files back."""

from pathlib import Path

import numpy as np
import polars as pl

from mmdet_trash.errors import InputError
from mmdet_trash.predictions.columns import ImageTable, Predictions

HEADER = ("PredictionString", "image_id")
FIELDS = 6


def read_submission(path: str | Path, images: ImageTable) -> Predictions:
    """Read a submission CSV.

    Rows are joined to the images by `image_id`, whatever their order; an image without a row has no detections.

    Args:
        path: a CSV with the columns `PredictionString` and `image_id`.
        images: the images of the annotation file that the submission answers.

    Raises:
        InputError: naming the file and the row, when a column is missing, a row is about an unknown or repeated
            image, or a `PredictionString` is not `label score xmin ymin xmax ymax` repeated.
    """
    try:
        table = pl.read_csv(path, infer_schema=False, encoding="utf8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: not a CSV file: {str(error).splitlines()[0]}") from None
    missing = [name for name in HEADER if name not in table.columns]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r}; the header {','.join(HEADER)} is right")

    position = {name: index for index, name in enumerate(images.file_names)}
    seen: set[str] = set()
    for row, name in enumerate(table["image_id"].to_list(), start=2):
        if name not in position:
            raise InputError(f"{path}: line {row}: image_id {name!r} is no image of the annotation file")
        if name in seen:
            raise InputError(f"{path}: line {row}: image_id {name!r} stands more than once")
        seen.add(name)

    words = table.select(
        pl.int_range(pl.len()).alias("row"), pl.col("PredictionString").fill_null("").str.extract_all(r"\S+")
    )
    counts = words["PredictionString"].list.len().to_numpy()
    if (counts % FIELDS).any():
        row = int(np.argmax(counts % FIELDS != 0))
        raise InputError(
            f"{path}: line {row + 2}: PredictionString has {counts[row]} numbers, six a box are right "
            "(label score xmin ymin xmax ymax)"
        )
    flat = words.filter(pl.col("PredictionString").list.len() > 0).explode("PredictionString")
    values = flat["PredictionString"].cast(pl.Float64, strict=False)
    if values.null_count():
        bad = flat.filter(values.is_null()).row(0, named=True)
        raise InputError(f"{path}: line {bad['row'] + 2}: {bad['PredictionString']!r} is not a number")

    boxes = values.to_numpy().reshape(-1, FIELDS)
    row_of_box = np.repeat(np.arange(len(counts)), counts // FIELDS)
    image_of_row = np.array([position[name] for name in table["image_id"].to_list()], dtype=np.int64)
    labels = np.searchsorted(images.category_ids, boxes[:, 0]).clip(max=len(images.category_ids) - 1)
    unknown = images.category_ids[labels] != boxes[:, 0]
    if unknown.any():
        box = int(np.argmax(unknown))
        raise InputError(
            f"{path}: line {row_of_box[box] + 2}: label {boxes[box, 0]:g} is no category of the annotation file"
        )
    return Predictions.from_columns(images, image_of_row[row_of_box], labels, boxes[:, 1], boxes[:, 2:])
