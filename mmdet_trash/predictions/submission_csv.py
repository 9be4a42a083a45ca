"""The competition's submission CSV: a row an image, its boxes as `label score xmin ymin xmax ymax` in one field."""

import codecs
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write
from mmdet_trash.predictions.columns import ImageTable, Predictions
from mmdet_trash.predictions.precision import shortest
from mmdet_trash.predictions.reading import (
    WITHOUT_ROW,
    Reading,
    as_reading,
    match,
    note,
    note_missing,
    note_rows,
    read_bytes,
)

HEADER = ("PredictionString", "image_id")
FIELDS = 6


def read_submission(path: str | Path, images: ImageTable) -> Predictions:
    """The predictions of a submission CSV; `read_csv` also tells what was wrong with the file."""
    return read_csv(path, images).predictions


def read_csv(path: str | Path, images: ImageTable) -> Reading:
    """Read a submission CSV.

    Rows are joined to the images by `image_id`, whatever their order; an image without a row has no detections.

    Args:
        path: a CSV with the columns `PredictionString` and `image_id`.
        images: the images of the annotation file that the submission answers.

    Raises:
        InputError: naming the file and the line, when a column is missing, a row is about an unknown or repeated
            image, or a `PredictionString` is not `label score xmin ymin xmax ymax` repeated.
    """
    rows = _parse(path)
    image_of_row, short_notes = _find_images(path, rows, images)
    backwards = np.diff(image_of_row, prepend=-1) < 0
    listed = np.zeros(len(images), dtype=bool)
    listed[image_of_row] = True

    labels, known = match(rows.numbers[:, 0], images.category_ids)
    if not known.all():
        box = int(np.argmin(known))
        word = rows.label_words[box]
        raise InputError(f"{path}: {rows.line_of_box(box)}: label {word} is no category of the annotation file")
    notes = [
        *rows.notes,
        *short_notes,
        *note_rows("rows in another order than the annotation file's", backwards, rows.line_of_row),
        *note_missing(WITHOUT_ROW, images, listed),
    ]
    columns = (image_of_row[rows.row_of_box], labels, rows.numbers[:, 1], rows.numbers[:, 2:])
    return as_reading(images, columns, listed, notes, rows.line_of_box)


def named_in_submission(path: str | Path) -> tuple[list[str], np.ndarray]:
    """The images and the labels that a submission CSV names, which may be none of any annotation file.

    Raises:
        InputError: as `read_csv`, and for a row without `image_id` or a label that is no whole number.
    """
    rows = _parse(path)
    for row, name in enumerate(rows.names):
        if name is None:
            raise InputError(f"{path}: {rows.line_of_row(row)}: has no image_id")
    labels = rows.numbers[:, 0]
    whole = (labels == np.floor(labels)) & (np.abs(labels) < 2**53)
    if not whole.all():
        box = int(np.argmin(whole))
        raise InputError(f"{path}: {rows.line_of_box(box)}: label {rows.label_words[box]} is no whole number")
    return [name for name in rows.names if name is not None], np.unique(labels.astype(np.int64))


@dataclass(frozen=True)
class _Rows:
    """A submission's R rows and N boxes, not yet joined to images.

    Attributes:
        lines: (R,) line in the file.
        names: R image ids, as written.
        row_of_box: (N,) int64.
        numbers: (N, 6) float64, finite.
        label_words: N labels, as written.
        notes: what was wrong so far.
    """

    lines: np.ndarray
    names: list[str | None]
    row_of_box: np.ndarray
    numbers: np.ndarray
    label_words: pl.Series
    notes: list[str]

    def line_of_row(self, row: int) -> str:
        return f"line {self.lines[row]}"

    def line_of_box(self, box: int) -> str:
        return self.line_of_row(int(self.row_of_box[box]))


def _parse(path: str | Path) -> _Rows:
    content = read_bytes(path, "a CSV file")
    try:
        table = pl.read_csv(content, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: not a CSV file: {str(error).splitlines()[0]}") from None
    for name in HEADER:
        if name not in table.columns:
            raise InputError(f"{path}: has no column {name!r}; the header {','.join(HEADER)} is right")
        if f"{name}_duplicated_0" in table.columns:
            raise InputError(f"{path}: column {name!r} stands more than once; the header {','.join(HEADER)} is right")
    notes = _note_layout(content, table.columns)

    # Line numbers are counted before blank lines are left out.
    table = table.select(HEADER).with_row_index("line", offset=2).filter(~pl.all_horizontal(pl.col(HEADER).is_null()))
    lines = table["line"].to_numpy()
    text = table["PredictionString"].fill_null("").str.strip_chars()
    # "nan" is what pandas makes of an empty field when it is written as text.
    written_nan = text.is_in(["nan", "NaN", "NAN"])
    text = text.set(written_nan, "")
    notes += note_rows("empty fields written as 'nan'", written_nan.to_numpy(), lambda row: f"line {lines[row]}")

    words, numbers, counts = _split(text)
    wrong = counts % FIELDS != 0
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"{path}: line {lines[row]}: PredictionString has {counts[row]} numbers, six a box are right "
            "(label score xmin ymin xmax ymax)"
        )
    row_of_box = np.repeat(np.arange(len(lines)), counts // FIELDS)
    finite = np.isfinite(numbers)
    if not finite.all():
        word = int(np.argmin(finite))
        raise InputError(f"{path}: line {lines[row_of_box[word // FIELDS]]}: {words[word]!r} is not a finite number")

    label_words = words.gather_every(FIELDS)
    rows = _Rows(lines, table["image_id"].to_list(), row_of_box, numbers.reshape(-1, FIELDS), label_words, notes)
    written_float = label_words.cast(pl.Int64, strict=False).is_null().to_numpy()
    notes += note_rows(
        "labels not written as whole numbers",
        written_float,
        lambda box: f"{rows.line_of_box(box)} ({label_words[box]})",
    )
    return rows


def _split(text: pl.Series, tidied: bool = False) -> tuple[pl.Series, np.ndarray, np.ndarray]:
    """Split each row at white space.

    Returns:
        All W words one after the other, (W,) float64 their numbers, NaN for what is none, and (R,) how many words each
        row has.
    """
    filled = (text != "").to_numpy()
    lists = text.filter(filled).str.split(" ")
    words = lists.explode(empty_as_null=False)
    numbers = words.cast(pl.Float64, strict=False)
    # Nearly every file has one space between two words, and needs no pattern. In any other, what was cut out between
    # single spaces is no number somewhere.
    if numbers.null_count() and not tidied:
        return _split(text.str.replace_all(r"\s+", " "), tidied=True)
    counts = np.zeros(len(text), dtype=np.int64)
    counts[filled] = lists.list.len().to_numpy()
    return words, numbers.fill_null(np.nan).to_numpy(), counts


def _note_layout(content: bytes, columns: list[str]) -> list[str]:
    notes = []
    if content.startswith(codecs.BOM_UTF8):
        notes.append(note("byte order mark", 1, "line 1"))
    if crlf := content.count(b"\r\n"):
        line = content.count(b"\n", 0, content.index(b"\r\n")) + 1
        notes.append(note("lines that end in CRLF", crlf, f"line {line}"))
    if stray := [name for name in columns if name not in HEADER]:
        notes.append(note(f"columns beside {' and '.join(HEADER)}", len(stray), repr(stray[0])))
    if columns.index(HEADER[0]) > columns.index(HEADER[1]):
        notes.append(note("swapped columns", 1, f"line 1 ({','.join(HEADER)} is right)"))
    return notes


def _find_images(path: str | Path, rows: _Rows, images: ImageTable) -> tuple[np.ndarray, list[str]]:
    """Position of each row's image (R,) int64, and a note if some are named without their folder."""
    position = {name: index for index, name in enumerate(images.file_names)}
    found: list[int] = []
    short: dict[str, list[int]] | None = None
    named_short = np.zeros(len(rows.names), dtype=bool)
    seen: set[int] = set()
    for row, name in enumerate(rows.names):
        index = position.get(name) if name is not None else None
        if index is None:
            short = without_folder(images.file_names) if short is None else short
            candidates = short.get(name, []) if name else []
            if len(candidates) != 1:
                what = f"image_id {name!r} is no image of the annotation file"
                if candidates:
                    first, second = (images.file_names[i] for i in candidates[:2])
                    what = f"image_id {name!r} may be {first!r} or {second!r}, one of these is right"
                raise InputError(f"{path}: {rows.line_of_row(row)}: {what}")
            index, named_short[row] = candidates[0], True
        if index in seen:
            full = f" (as {images.file_names[index]!r})" if name != images.file_names[index] else ""
            raise InputError(f"{path}: {rows.line_of_row(row)}: image_id {name!r} stands more than once{full}")
        seen.add(index)
        found.append(index)
    notes = note_rows(
        "image_ids without their folder",
        named_short,
        lambda row: f"{rows.line_of_row(row)} ({rows.names[row]!r} for {images.file_names[found[row]]!r})",
    )
    return np.array(found, dtype=np.int64), notes


def without_folder(names: tuple[str, ...]) -> dict[str, list[int]]:
    """What names become when folders are left out: `a/b/c.jpg` is `b/c.jpg` and `c.jpg`; with their positions."""
    short: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        while "/" in name:
            name = name.split("/", 1)[1]
            short[name].append(index)
    return short


def write_csv(predictions: Predictions, path: Path) -> None:
    """Write the competition's CSV: a row an image in the annotation file's order, empty where nothing was found.

    `PredictionString` is `label score xmin ymin xmax ymax` repeated, in pixels; `image_id` is the `file_name`. A
    label is written as its COCO category id, which the competition's own 0-indexed categories make the same number.
    """
    rows = pl.DataFrame(
        {
            "image": predictions.image_index,
            "label": predictions.images.category_ids[predictions.labels],
            "score": shortest(predictions.scores),
            **{name: shortest(predictions.bboxes[:, i]) for i, name in enumerate(("x1", "y1", "x2", "y2"))},
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
