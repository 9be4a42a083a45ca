"""The ranking of images by their mistakes, counted by hand, and what is drawn on them."""

from pathlib import Path

import pytest

from mmdet_trash.evaluation.analysis import Evaluated
from mmdet_trash.reports.worst import Photographs, worst_images
from tests.builders import coco, edited, write_jpeg
from tests.reports.cases import EN, IMAGES, TRUTH, found


def ranked(score_thr: float, rows=None, content=TRUTH, photographs=None):
    evaluated = Evaluated(content, found() if rows is None else found(rows))
    return worst_images(evaluated, score_thr, EN, photographs)


def table(score_thr: float, rows=None) -> list[tuple]:
    """Image by its number, right, wrong, missed and F1."""
    gallery, _ = ranked(score_thr, rows)
    assert gallery.table.columns == ("image", "right", "false", "missed", "F1")
    return [(IMAGES.file_names.index(file), *numbers) for file, *numbers in gallery.table.rows]


def test_images_with_most_mistakes_come_first():
    assert table(0.21) == [(0, 1, 1, 1, 0.5), (1, 1, 1, 1, 0.5), (3, 0, 1, 0, 0), (2, 1, 0, 0, 1)]
    assert table(0) == [(3, 0, 2, 0, 0), (0, 1, 1, 1, 0.5), (1, 1, 1, 1, 0.5), (2, 1, 0, 0, 1)]


def test_an_object_that_only_a_box_under_the_threshold_finds_is_missed():
    assert table(0.3)[-1] == (2, 1, 0, 0, 1)
    assert table(0.31)[2:] == [(2, 0, 0, 1, 0), (3, 0, 1, 0, 0)]
    assert table(0.95) == [(0, 0, 0, 2, 0), (1, 0, 0, 2, 0), (2, 0, 0, 1, 0), (3, 0, 0, 0, None)]


def test_among_as_many_mistakes_the_lower_f1_comes_first():
    rows = [(0, 0, 0.9, 10, 10, 40, 30), (2, 1, 0.9, 0, 0, 9, 9), (3, 1, 0.9, 0, 0, 9, 9), (1, 1, 0.9, 5, 5, 55, 45)]
    assert [(row[0], row[4]) for row in table(0.5, rows)] == [(2, 0), (3, 0), (0, 2 / 3), (1, 2 / 3)]


@pytest.fixture
def photographs(tmp_path) -> Photographs:
    """Of the first and the last image."""
    for image in (0, 3):
        write_jpeg(tmp_path / "train" / f"{image:04}.jpg")
    return Photographs(tmp_path, Path("train.json"), 24)


def test_pictures_show_each_box_as_what_it_is(photographs):
    gallery, lost = ranked(0.5, photographs=photographs)
    boxes = {
        picture.caption.split(":")[0]: [(b.kind, b.text, b.loud) for b in picture.boxes] for picture in gallery.pictures
    }
    assert boxes == {
        "train/0000.jpg": [
            ("truth", "class 0", False), ("missed", "class 1", True),
            ("classification", "class 0 0.80", True), ("right", "class 0 0.90", False),
        ],
        "train/0001.jpg": [
            ("truth", "class 1", False), ("missed", "class 0", True),
            ("duplicate", "class 1 0.60", True), ("right", "class 1 0.70", False),
        ],
        "train/0002.jpg": [("missed", "class 0", True)],
        "train/0003.jpg": [("background", "class 2 0.65", True)],
    }  # fmt: skip
    first = gallery.pictures[0]
    assert [box.xyxy for box in first.boxes] == [
        (10, 10, 40, 30), (50, 40, 90, 70), (50, 40, 90, 70), (10, 10, 40, 30),
    ]  # fmt: skip
    assert [box.label for box in first.boxes] == [0, 1, 0, 0]
    assert first.window == (0, 0, 100, 80) and first.caption == "train/0000.jpg: 1 right, 1 wrong, 1 missed"
    assert [picture.kind for picture in gallery.pictures] == ["classification", "duplicate", "missed", "background"]
    assert [picture.jpeg is not None for picture in gallery.pictures] == [True, False, False, True]
    assert lost == ["train/0001.jpg", "train/0002.jpg"]


def test_images_without_mistakes_and_those_beyond_the_count_are_not_drawn(photographs):
    assert len(ranked(0.21, photographs=photographs)[0].pictures) == 3
    two = Photographs(photographs.root, photographs.ann_file, 2)
    gallery, lost = ranked(0.21, photographs=two)
    assert len(gallery.pictures) == 2 and len(gallery.table.rows) == 4 and lost == ["train/0001.jpg"]
    gallery, lost = ranked(0.21)
    assert (gallery.pictures, lost) == ((), []) and len(gallery.table.rows) == 4


def test_crowds_and_what_lies_in_them_are_no_mistakes_and_are_not_drawn(photographs):
    content = edited(lambda c: c["annotations"][1].update(iscrowd=1), images=4, categories=(0, 1, 2), boxes=[
        (0, 0, [10, 10, 30, 20]), (0, 1, [50, 40, 40, 30]),
    ])  # fmt: skip
    rows = [(0, 1, 0.9, 55, 45, 70, 60), (0, 2, 0.8, 0, 60, 9, 70)]
    gallery, _ = ranked(0.5, rows, content, photographs)
    assert gallery.table.rows[0] == ("train/0000.jpg", 0, 1, 1, 0)
    assert [(box.kind, box.label) for box in gallery.pictures[0].boxes] == [("missed", 0), ("background", 2)]


def test_the_main_mistake_is_the_most_frequent_and_an_aimed_at_object_is_not_missed_besides(photographs):
    objects = [(image, label, box) for image in (0, 1) for label, box in ((0, [10, 10, 30, 20]), (1, [50, 40, 40, 30]))]
    content = coco(images=4, boxes=objects, categories=(0, 1, 2))
    rows = [(0, 1, 0.9, 50, 40, 60, 70), (1, 1, 0.9, 0, 70, 9, 79)]
    gallery, _ = ranked(0.5, rows, content, photographs)
    assert [row[1:4] for row in gallery.table.rows[:2]] == [(0, 1, 2), (0, 1, 2)]
    assert [picture.kind for picture in gallery.pictures] == ["localization", "missed"]
