"""Prediction files: submission CSV, COCO results JSON, MMDetection pickle, Parquet."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write
from mmdet_trash.predictions.columns import Predictions


def write_predictions(predictions: Predictions, path: str | Path) -> None:
    """Write predictions in the format that the file's ending names: `.csv`, `.json`, `.pkl` or `.parquet`.

    Raises:
        InputError: for any other ending.
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


def write_submission(predictions: Predictions, path: Path) -> None:
    """Write the competition's CSV: a row an image in the annotation file's order, empty where nothing was found.

    `PredictionString` is `label score xmin ymin xmax ymax` repeated, in pixels; `image_id` is the `file_name`. A
    label is written as its COCO category id, which the competition's own 0-indexed categories make the same number.
    """
    rows = pl.DataFrame(
        {
            "image": predictions.image_index,
            "label": predictions.images.category_ids[predictions.labels],
            "score": _shortest(predictions.scores),
            **{name: _shortest(predictions.bboxes[:, i]) for i, name in enumerate(("x1", "y1", "x2", "y2"))},
        }
    )
    strings = rows.group_by("image").agg(
        pl.concat_str(pl.exclude("image").cast(pl.String), separator=" ").str.join(" ").alias("PredictionString")
    )
    names = pl.DataFrame(
        {"image": np.arange(len(predictions.images)), "image_id": predictions.images.file_names},
        schema_overrides={"image_id": pl.String},
    )
    table = names.join(strings, on="image", how="left", maintain_order="left")
    text = table.select("PredictionString", "image_id").write_csv(quote_style="necessary")
    with atomic_write(path, "wb") as file:
        file.write(text.encode())


def write_coco_results(predictions: Predictions, path: Path) -> None:
    """Write COCO results: a JSON list of `image_id`, `category_id`, `bbox` as xywh in pixels, and `score`."""
    images = predictions.images
    boxes_xywh = predictions.bboxes.copy()
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    columns = zip(
        images.ids[predictions.image_index].tolist(),
        images.category_ids[predictions.labels].tolist(),
        boxes_xywh.tolist(),
        predictions.scores.tolist(),
        strict=True,
    )
    keys = ("image_id", "category_id", "bbox", "score")
    with atomic_write(path) as file:
        json.dump([dict(zip(keys, row, strict=True)) for row in columns], file)


def write_pickle(predictions: Predictions, path: Path) -> None:
    """Write what MMDetection's `DumpDetResults` writes: a dict an image, with `pred_instances` of tensors."""
    import torch

    images = predictions.images
    results = []
    for index, (image_id, name, (width, height)) in enumerate(
        zip(images.ids.tolist(), images.file_names, images.sizes.tolist(), strict=True)
    ):
        rows = predictions.of_image(index)
        instances = {
            "bboxes": torch.tensor(predictions.bboxes[rows], dtype=torch.float32),
            "scores": torch.tensor(predictions.scores[rows], dtype=torch.float32),
            "labels": torch.tensor(predictions.labels[rows], dtype=torch.int64),
        }
        sample = {"img_id": image_id, "img_path": name, "ori_shape": (height, width), "pred_instances": instances}
        results.append(sample)
    with atomic_write(path, "wb") as file:
        pickle.dump(results, file)


def write_parquet(predictions: Predictions, path: Path) -> None:
    """Write a Parquet table: `image_id`, `file_name`, `label`, `category_id`, `score`, `x1`, `y1`, `x2`, `y2`.

    An image without detections has one row with nulls, so that none is lost.
    """
    images = predictions.images
    detections = pl.DataFrame(
        {
            "image": predictions.image_index,
            "label": predictions.labels,
            "category_id": images.category_ids[predictions.labels],
            "score": predictions.scores,
            **{name: predictions.bboxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
        }
    )
    names = pl.DataFrame(
        {"image": np.arange(len(images)), "image_id": images.ids, "file_name": images.file_names},
        schema_overrides={"file_name": pl.String},
    )
    # Written by Python, not by polars, whose errors about a full disk are no OSError.
    content = io.BytesIO()
    names.join(detections, on="image", how="left", maintain_order="left").drop("image").write_parquet(content)
    with atomic_write(path, "wb") as file:
        file.write(content.getvalue())


def _shortest(values: np.ndarray) -> np.ndarray:
    """A network's numbers as the float32 they were, which are written with the fewest digits that give them back."""
    single = values.astype(np.float32)
    return single if np.array_equal(single, values) else values


WRITERS: dict[str, Callable[[Predictions, Path], None]] = {
    ".csv": write_submission,
    ".json": write_coco_results,
    ".pkl": write_pickle,
    ".parquet": write_parquet,
}
"""Writer by file ending."""
