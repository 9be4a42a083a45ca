from pathlib import Path

import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import Predictions, read_submission
from tests.builders import table

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
