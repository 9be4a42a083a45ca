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
        # "nan" is what pandas makes of an empty field when it is written as text.
        table = pl.read_csv(path, infer_schema=False, glob=False, null_values=["nan", "NaN"])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: not a CSV file: {str(error).splitlines()[0]}") from None
    missing = [name for name in HEADER if name not in table.columns]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r}; the header {','.join(HEADER)} is right")

    # Line numbers are counted before blank lines are left out.
    table = table.select(HEADER).with_row_index("line", offset=2).filter(~pl.all_horizontal(pl.col(HEADER).is_null()))
    position = {name: index for index, name in enumerate(images.file_names)}
    seen: set[str] = set()
    for line, name in table.select("line", "image_id").iter_rows():
        if name not in position:
            raise InputError(f"{path}: line {line}: image_id {name!r} is no image of the annotation file")
        if name in seen:
            raise InputError(f"{path}: line {line}: image_id {name!r} stands more than once")
        seen.add(name)

    words = table.select("line", word=pl.col("PredictionString").fill_null("").str.extract_all(r"\S+"))
    counts = words["word"].list.len()
    for line, count in words.select("line", counts).filter(counts % FIELDS != 0).head(1).iter_rows():
        raise InputError(
            f"{path}: line {line}: PredictionString has {count} numbers, six a box are right "
            "(label score xmin ymin xmax ymax)"
        )
    flat = words.filter(counts > 0).explode("word")
    values = flat["word"].cast(pl.Float64, strict=False)
    for line, word in flat.filter(~values.is_finite().fill_null(False)).head(1).iter_rows():
        raise InputError(f"{path}: line {line}: {word!r} is not a finite number")

    boxes = values.to_numpy().reshape(-1, FIELDS)
    labels = np.searchsorted(images.category_ids, boxes[:, 0]).clip(max=len(images.category_ids) - 1)
    unknown = images.category_ids[labels] != boxes[:, 0]
    if unknown.any():
        line, label = flat.row(int(np.argmax(unknown)) * FIELDS)
        raise InputError(f"{path}: line {line}: label {label} is no category of the annotation file")
    image_of_row = np.array([position[name] for name in table["image_id"]], dtype=np.int64)
    image_index = np.repeat(image_of_row, counts // FIELDS)
    return Predictions.from_columns(images, image_index, labels, boxes[:, 1], boxes[:, 2:])
