import csv
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash import predictions as package
from mmdet_trash.errors import InputError
from mmdet_trash.predictions import ImageTable, Predictions, Reading, read_submission
from tests.builders import table
from tests.predictions.mangled import mangled

IMAGES = table(("test/0000.jpg", "test/0001.jpg", "test/0002.jpg"))
FIRST, THIRD = "3 0.5 1 2 30.5 40", "0 0.9 1 1 2 2 9 0.25 -3 0 101 80"
PLAIN = f"PredictionString,image_id\n{FIRST},test/0000.jpg\n,test/0001.jpg\n{THIRD},test/0002.jpg\n"
ROWS = [
    (0, 3, 0.5, 1, 2, 30.5, 40),
    (2, 0, 0.9, 1, 1, 2, 2),
    (2, 9, 0.25, -3, 0, 101, 80),
]


def rows_of(found: Predictions) -> list[tuple]:
    columns = (found.image_index, found.labels, found.scores, *found.bboxes.T)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def read(tmp_path: Path, text: str | bytes, name: str = "submission.csv") -> Predictions:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_submission(path, IMAGES)


SAME = {
    "as written": PLAIN,
    "no newline at the end": PLAIN[:-1],
    "blank lines at the end": PLAIN + "\n\n",
    "a byte order mark": "\ufeff" + PLAIN,
    "a byte order mark and quotes": "\ufeff" + PLAIN.replace("PredictionString,", '"PredictionString",'),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "trailing spaces": PLAIN.replace(",test", " ,test"),
    "leading and double spaces": PLAIN.replace("3 0.5", "  3  0.5"),
    "everything quoted": "\n".join(",".join(f'"{field}"' for field in line.split(",")) for line in PLAIN.splitlines()),
    "swapped columns": f"image_id,PredictionString\ntest/0000.jpg,{FIRST}\ntest/0001.jpg,\ntest/0002.jpg,{THIRD}\n",
    "swapped columns, CRLF": f"image_id,PredictionString\r\ntest/0000.jpg,{FIRST} \r\ntest/0001.jpg,\r\n"
    f"test/0002.jpg,{THIRD}\r\n",
    "an empty row missing": "".join(line for line in PLAIN.splitlines(True) if "0001" not in line),
    "another order": f"PredictionString,image_id\n{THIRD},test/0002.jpg\n,test/0001.jpg\n{FIRST},test/0000.jpg\n",
    "an index column": f",PredictionString,image_id\n0,{FIRST},test/0000.jpg\n1,,test/0001.jpg\n"
    f"2,{THIRD},test/0002.jpg",
    "a column named line": f"line,PredictionString,image_id\n0,{FIRST},test/0000.jpg\n2,{THIRD},test/0002.jpg",
    "empty fields as nan": PLAIN.replace("\n,", "\nnan,"),
    "float labels": PLAIN.replace("\n3 ", "\n3.0 ").replace(" 9 0.25", " 9.0 0.25"),
    "spaces and tabs": PLAIN.replace("3 0.5 1", "3\t0.5 \t 1"),
    "ids without their folder": PLAIN.replace("test/", ""),
    "other notations": PLAIN.replace(" 0.5 ", " 5e-1 ").replace(" 30.5 ", " +30.500000 "),
}


@pytest.mark.parametrize("name", SAME)
def test_read_without_loss(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, SAME[name])
    assert rows_of(found) == ROWS
    assert found.images is IMAGES


def test_missing_rows_are_images_without_detections(tmp_path: Path) -> None:
    found = read(tmp_path, f"PredictionString,image_id\n{FIRST},test/0000.jpg\n")
    assert rows_of(found) == ROWS[:1]
    assert len(found.images) == 3


def test_a_header_alone_is_no_detection(tmp_path: Path) -> None:
    assert len(read(tmp_path, "PredictionString,image_id\n")) == 0


def test_brackets_in_the_files_name_are_no_pattern(tmp_path: Path) -> None:
    assert rows_of(read(tmp_path, PLAIN, "fold[1]*.csv")) == ROWS


def test_labels_are_category_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("PredictionString,image_id\n50 0.5 1 1 2 2 1 0.5 1 1 2 2,a.jpg\n")
    found = read_submission(path, table(["a.jpg"], categories=(1, 7, 50)))
    assert found.labels.tolist() == [2, 0]


HEADER = "PredictionString,image_id\n"
WRONG = {
    "no such column": (
        "PredictionString,id\n,test/0000.jpg\n",
        "has no column 'image_id'; the header PredictionString,",
    ),
    "another header": ("id,label\n1,2\n", "has no column 'PredictionString'; the header PredictionString,image_id is"),
    "empty file": ("", "not a CSV file: "),
    "an image": (b"\x89PNG\r\n\x1a\n\xff\xfe\x00\x01,\n", "not a CSV file: "),
    "too many fields": (HEADER + "1,test/0000.jpg,2\n", "not a CSV file: "),
    "no image_id": (HEADER + "\n1 0.5 1 1 2 2\n", "line 3: image_id None is no image of the annotation file"),
    "unknown image": (
        HEADER + ",test/0000.jpg\n,train/0001.jpg\n",
        "line 3: image_id 'train/0001.jpg' is no image of the annotation file",
    ),
    "image twice": (
        HEADER + ",test/0001.jpg\n,test/0000.jpg\n,test/0001.jpg\n",
        "line 4: image_id 'test/0001.jpg' stands more than once",
    ),
    "seven numbers": (
        HEADER + f"{FIRST},test/0000.jpg\n{FIRST} 4,test/0001.jpg\n",
        "line 3: PredictionString has 7 numbers, six a box are right (label score xmin ymin xmax ymax)",
    ),
    "counted with blank lines": (
        HEADER + f"{FIRST},test/0000.jpg\n\n\n0 0.5,test/0001.jpg\n",
        "line 5: PredictionString has 2 numbers, six a box are right",
    ),
    "a word": (
        HEADER + f",test/0001.jpg\n{FIRST} 3 high 1 1 2 2,test/0000.jpg\n",
        "line 3: 'high' is not a finite number",
    ),
    "NaN": (HEADER + f"{FIRST},test/0000.jpg\n1 nan 1 1 2 2,test/0001.jpg\n", "line 3: 'nan' is not a finite number"),
    "infinity": (HEADER + "1 0.5 1 1 2 1e999,test/0001.jpg\n", "line 2: '1e999' is not a finite number"),
    "unknown label": (
        HEADER + f"{FIRST},test/0000.jpg\n,test/0001.jpg\n{FIRST} 10 0.5 1 1 2 2,test/0002.jpg\n",
        "line 4: label 10 is no category of the annotation file",
    ),
    "half a label": (HEADER + "2.5 0.5 1 1 2 2,test/0001.jpg\n", "line 2: label 2.5 is no category of the annotation"),
    "negative label": (HEADER + "-1 0.5 1 1 2 2,test/0001.jpg\n", "line 2: label -1 is no category of the annotation"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_message_names_the_file_the_line_and_what_is_right(tmp_path: Path, name: str) -> None:
    text, message = WRONG[name]
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path / 'submission.csv'}: {message}")
    assert "\n" not in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.csv: no such file$"):
        read_submission(tmp_path / "none.csv", IMAGES)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^{tmp_path}: "):
        read_submission(tmp_path, IMAGES)


def reading_of(tmp_path: Path, text: str) -> Reading:
    path = tmp_path / "submission.csv"
    path.write_bytes(text.encode())
    return package.read(path, IMAGES)


ORDER = "rows in another order than the annotation file's: 2, first line 3"
OUTSIDE = "boxes that reach outside their image: 1, first line 4"
NOTES: dict[str, list[str]] = {
    "as written": [],
    "no newline at the end": [],
    "trailing spaces": [],
    "leading and double spaces": [],
    "spaces and tabs": [],
    "blank lines at the end": [],
    "everything quoted": [],
    "other notations": [],
    "a byte order mark": ["byte order mark: 1, first line 1"],
    "CRLF": ["lines that end in CRLF: 4, first line 1"],
    "swapped columns": ["swapped columns: 1, first line 1 (PredictionString,image_id is right)"],
    "an empty row missing": ["images without a row: 1 of 3, first 'test/0001.jpg'"],
    "another order": [ORDER],
    "an index column": ["columns beside PredictionString and image_id: 1, first ''"],
    "a column named line": [
        "columns beside PredictionString and image_id: 1, first 'line'",
        "images without a row: 1 of 3, first 'test/0001.jpg'",
    ],
    "empty fields as nan": ["empty fields written as 'nan': 1, first line 3"],
    "float labels": ["labels not written as whole numbers: 2, first line 2 (3.0)"],
    "ids without their folder": ["image_ids without their folder: 3, first line 2 ('0000.jpg' for 'test/0000.jpg')"],
}


@pytest.mark.parametrize("name", NOTES)
def test_a_flaw_that_is_read_is_noted_with_its_count_and_first_place(tmp_path: Path, name: str) -> None:
    notes = reading_of(tmp_path, SAME[name]).notes
    third = {"an empty row missing": 3, "a column named line": 3, "another order": 2}.get(name, 4)
    assert list(notes) == [*NOTES[name], f"boxes that reach outside their image: 1, first line {third}"]


BOX_NOTES = {
    "clean": ("3 0.5 1 2 30.5 40 3 0 0 0 100 80 3 1 0 0 100.0005 80", []),
    "left": ("3 0.5 -0.01 2 30.5 40", ["boxes that reach outside their image: 1, first line 3"]),
    "below": ("3 0.5 1 2 30.5 80.5 1 0.5 1 2 101 4", ["boxes that reach outside their image: 2, first line 3"]),
    "scores": ("3 0.5 1 2 3 4 1 1.5 1 2 3 4 1 -1 1 2 3 4", ["scores outside 0 to 1: 2, first line 3 (1.5)"]),
    "flat": ("3 0.5 1 2 1 4 1 0.5 1 4 3 2", ["boxes without area (x2 <= x1 or y2 <= y1): 2, first line 3"]),
}


@pytest.mark.parametrize("name", BOX_NOTES)
def test_boxes_and_scores_that_no_detector_means_are_noted(tmp_path: Path, name: str) -> None:
    text, notes = BOX_NOTES[name]
    reading = reading_of(tmp_path, f"{HEADER},test/0000.jpg\n{text},test/0001.jpg\n,test/0002.jpg\n")
    assert list(reading.notes) == notes
    assert len(reading.predictions) == len(text.split()) // 6


def test_the_images_that_have_a_row_are_listed_with_and_without_boxes(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, f"{HEADER},test/0001.jpg\n{FIRST},test/0000.jpg\n")
    assert reading.listed.tolist() == [True, True, False]
    assert not reading.listed.flags.writeable


FOLDERS = table(("a/0.jpg", "b/0.jpg", "b/c/1.jpg", "1.jpg", "b/c/2.jpg"))
SHORT = {"2.jpg": 4, "c/2.jpg": 4, "1.jpg": 3, "c/1.jpg": 2, "b/0.jpg": 1}


@pytest.mark.parametrize("name", SHORT)
def test_a_name_without_its_folders_is_that_of_the_one_image_that_ends_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}{FIRST},{name}\n")
    assert read_submission(path, FOLDERS).image_index.tolist() == [SHORT[name]]


NO_IMAGE = {
    "0.jpg": "line 2: image_id '0.jpg' may be 'a/0.jpg' or 'b/0.jpg', one of these is right",
    "b/1.jpg": "line 2: image_id 'b/1.jpg' is no image of the annotation file",
    "x/2.jpg": "line 2: image_id 'x/2.jpg' is no image of the annotation file",
    "2.jp": "line 2: image_id '2.jp' is no image of the annotation file",
    "/2.jpg": "line 2: image_id '/2.jpg' is no image of the annotation file",
    "c/2.jpg\n,b/c/2.jpg": "line 3: image_id 'b/c/2.jpg' stands more than once",
    "b/c/2.jpg\n,2.jpg": "line 3: image_id '2.jpg' stands more than once (as 'b/c/2.jpg')",
}


@pytest.mark.parametrize("name", NO_IMAGE)
def test_a_name_of_several_images_or_none_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER},{name}\n")
    with pytest.raises(InputError) as error:
        read_submission(path, FOLDERS)
    assert str(error.value) == f"{path}: {NO_IMAGE[name]}"


DECIMALS = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{0,30})?([eE][-+]?[0-9]{1,3})?", fullmatch=True) | st.floats(
    allow_nan=False, allow_infinity=False
).flatmap(lambda number: st.sampled_from([repr(number), f"{number:.25e}", f"{number:.18g}"]))


@given(st.lists(DECIMALS.filter(lambda word: np.isfinite(float(word))), min_size=5, max_size=5))
def test_a_number_is_what_python_makes_of_its_digits_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "digits.csv"
    path.write_text(f"{HEADER}0 {' '.join(words)},test/0000.jpg\n")
    found = read_submission(path, IMAGES)
    assert [found.scores[0], *found.bboxes[0]] == [float(word) for word in words]
    # The careful way through a file that is not tidy reads the same numbers.
    path.write_text(f"{HEADER}0  {' '.join(words)},test/0000.jpg\n")
    careful = read_submission(path, IMAGES)
    assert (careful.scores.tobytes(), careful.bboxes.tobytes()) == (found.scores.tobytes(), found.bboxes.tobytes())


@given(st.randoms(use_true_random=False))
def test_any_damage_ends_in_predictions_or_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(mangled(PLAIN.encode(), rng))
    try:
        assert isinstance(package.read_predictions(path, IMAGES), Predictions)
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 'image_id' stands more than once; the header"):
        read(tmp_path, "PredictionString,image_id,image_id\n,test/0000.jpg,test/0001.jpg\n")


REAL = {
    "test_cascade_swinl.csv": [],
    "test_yolo_empty_rows.csv": [],
    "test_yolov5_no_prefix.csv": ["lines that end in CRLF", "image_ids without their folder", "images without a row"],
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_submission_is_read_whole(shared: Path, name: str) -> None:
    path = shared / "data" / "predictions" / name
    images = [{"id": i, "file_name": f"test/{i:04}.jpg", "width": 1024, "height": 1024} for i in range(4871)]
    reading = package.read(path, ImageTable.from_coco({"images": images}))

    csv.field_size_limit(10**7)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    boxes = [(row["image_id"], row["PredictionString"].split()) for row in rows]
    numbers = np.array(
        [list(map(float, words)) for _, words in boxes for words in zip(*[iter(words)] * 6, strict=True)]
    )
    index = [int(image.removesuffix(".jpg")[-4:]) for image, words in boxes for _ in range(len(words) // 6)]
    found = reading.predictions
    np.testing.assert_array_equal(np.column_stack([found.labels, found.scores, found.bboxes]), numbers)
    assert found.image_index.tolist() == index
    assert reading.listed.sum() == len(rows)

    outside = ((numbers[:, 2:] < -1e-3) | (numbers[:, 2:] > 1024 + 1e-3)).any(axis=1).sum()
    counts = dict(note.split(": ", 1) for note in reading.notes)
    assert list(counts)[: len(REAL[name])] == REAL[name]
    assert int(counts.get("boxes that reach outside their image", "0,").split(",")[0]) == outside
    if REAL[name]:
        assert counts["lines that end in CRLF"].startswith(f"{len(rows) + 1}, ")
        assert counts["image_ids without their folder"].startswith(f"{len(rows)}, first line 2 ('0000.jpg' for")
        assert counts["images without a row"].startswith(f"{4871 - len(rows)} of 4871, ")
