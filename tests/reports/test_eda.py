"""The report on a dataset: its numbers counted by hand, two datasets, pictures of what looks wrong."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdet_trash.datasets.fold_files import write_folds
from mmdet_trash.datasets.folds import Folds
from mmdet_trash.errors import InputError
from mmdet_trash.reports.eda import EACH, Dataset, eda_report
from mmdet_trash.reports.page import write_report
from mmdet_trash.reports.parts import Box, Gallery
from mmdet_trash.reports.words import Words
from tests.builders import coco, edited, write_jpeg
from tests.reports.cases import EN, part_of, records, written

BOXES = [
    (0, 0, [0, 0, 20, 10]),
    (0, 0, [50, 40, 20, 40]),
    (0, 1, [10, 10, 40, 40]),
    (1, 1, [90, 70, 10, 5]),
]
"""Of 100 x 80 pixels each: a share of .025, .1, .2 and .00625."""


def dataset(name: str = "one.json", **options) -> Dataset:
    return Dataset(Path(name), coco(**{"images": 3, "boxes": BOXES, "categories": (0, 1, 2), **options}))


def rows(report, name: str) -> list[tuple]:
    return part_of(report, name).table.rows


def facts(report) -> dict:
    return {fact.name: fact.value for fact in report.facts}


def test_numbers_of_one_dataset_counted_by_hand():
    report = eda_report(dataset(), EN)
    assert facts(report) == {
        "images": 3, "boxes": 4, "classes": 2, "boxes an image": 4 / 3, "most boxes": 3, "empty images": 1,
        "suspects": 0,
    }  # fmt: skip
    assert rows(report, "objects_per_image") == [(0, 1), (1, 1), (2, 0), (3, 1)]
    assert rows(report, "classes_per_image") == [(0, 1), (1, 1), (2, 1), (3, 0)]
    assert rows(report, "class_boxes") == [("class 0", 2), ("class 1", 2), ("class 2", 0)]
    assert rows(report, "class_images") == [("class 0", 1), ("class 1", 2), ("class 2", 0)]
    assert rows(report, "together") == [("class 0", 1, 1, 0), ("class 1", 1, 2, 0), ("class 2", 0, 0, 0)]
    np.testing.assert_allclose(part_of(report, "together").traces[0]["z"], [[1, 1, 0], [0.5, 1, 0], [0, 0, 0]])
    assert rows(report, "sizes") == [("class 0", 2, 0, 0), ("class 1", 1, 1, 0), ("class 2", 0, 0, 0)]
    shares = [row[1:] for row in rows(report, "area_share")]
    quantiles = [5, 25, 50, 75, 95]
    np.testing.assert_allclose(shares[:2], [np.percentile(v, quantiles) for v in ([0.025, 0.1], [0.2, 0.00625])])
    ratios = [row[1:] for row in rows(report, "aspect_ratio")]
    np.testing.assert_allclose(ratios[:2], [np.percentile(v, quantiles) for v in ([2, 0.5], [1, 2])])
    assert shares[2] == ratios[2] == (None,) * 5
    # Centres at (.1, .0625), (.6, .75), (.3, .375) and (.95, .90625) of the image, in 32 cells a side.
    cells = [("class 0", 2, 3, 1), ("class 0", 24, 19, 1), ("class 1", 12, 9, 1), ("class 1", 29, 30, 1)]
    assert rows(report, "centres") == cells and rows(report, "lone_centres") == cells[3:]
    assert report.notes == ["one.json: has no box of class 2."]
    assert [section.name for section in report.sections if section.parts] == ["images", "classes", "boxes", "places"]


def test_of_two_datasets_shares_stand_beside_each_other_by_class():
    """The other one knows the classes by another order, has one that the first lacks, and lacks one."""
    names = ["class 1", "new", "class 0"]
    boxes = [(0, 2, [0, 0, 10, 10]), (0, 1, [0, 0, 50, 10]), (1, 0, [0, 0, 50, 50]), (1, 0, [50, 0, 50, 50])]
    other = coco(images=2, boxes=boxes, categories=(0, 1, 2))
    for category, name in zip(other["categories"], names, strict=True):
        category["name"] = name
    report = eda_report(dataset("a/one.json"), EN, Dataset(Path("b/one.json"), other))
    assert report.series == ("a/one", "b/one") and report.classes == ("class 0", "class 1", "class 2")
    assert rows(report, "class_boxes") == [
        ("a/one", "class 0", 2 / 4), ("a/one", "class 1", 2 / 4), ("a/one", "class 2", 0),
        ("b/one", "class 0", 1 / 4), ("b/one", "class 1", 2 / 4), ("b/one", "class 2", 0),
    ]  # fmt: skip
    assert [row[2] for row in rows(report, "class_images")] == [1 / 3, 2 / 3, 0, 1 / 2, 1 / 2, 0]
    assert rows(report, "together_2") == [("class 0", 1, 0, 0), ("class 1", 0, 1, 0), ("class 2", 0, 0, 0)]
    assert rows(report, "sizes_2") == [("class 0", 1, 0, 0), ("class 1", 0, 2, 0), ("class 2", 0, 0, 0)]
    assert rows(report, "objects_per_image")[4:] == [("b/one", number, number == 2) for number in range(4)]
    assert {row[0] for row in rows(report, "centres_2")} == {"class 0", "class 1"}
    shares = {(row[0], row[1]): row[4] for row in rows(report, "area_share")}
    assert shares["b/one", "class 0"] == pytest.approx(100 / 8000) and shares["b/one", "class 2"] is None
    assert shares["b/one", "class 1"] == pytest.approx(2500 / 8000)
    assert part_of(report, "datasets").table.columns == ("series", *list(facts(report))[:-1])
    assert rows(report, "datasets") == [("a/one", 3, 4, 2, 4 / 3, 3, 1), ("b/one", 2, 4, 3, 2, 2, 0)]
    of_each = {part.id: part.series for part in report.parts() if part.series is not None}
    assert of_each == {
        f"{name}{end}": series
        for name in ("together", "sizes", "centres")
        for series, end in enumerate(("", "_2"))
    } | {"lone_centres": 0}  # fmt: skip
    assert report.notes == [
        "a/one.json: has no box of class 2.",
        EN("eda.other_classes", other="b/one.json", file="a/one.json", classes="new"),
    ]


def test_an_unlabelled_dataset_stands_beside_a_labelled_one():
    report = eda_report(dataset(), EN, dataset("test.json", boxes=[]))
    assert [row[2] for row in rows(report, "class_boxes")] == [0.5, 0.5, 0, 0, 0, 0]
    assert records(part_of(report, "objects_per_image"))[4] == {"series": "test", "objects": 0, "share": 1}
    assert "test.json: has no boxes; only its images are counted." in report.notes
    assert all(part.id not in ("centres_2", "lone_centres_2") for part in report.parts())
    turned = eda_report(dataset("test.json", boxes=[]), EN, dataset())
    assert rows(turned, "class_boxes")[3:] == [("one", "class 0", 0.5), ("one", "class 1", 0.5), ("one", "class 2", 0)]


def test_without_any_box_the_page_is_written_all_the_same(tmp_path):
    report = eda_report(dataset(boxes=[]), EN)
    assert report.notes == ["one.json: has no boxes; only its images are counted."]
    assert rows(report, "objects_per_image") == [(0, 3)]
    assert facts(eda_report(dataset(images=0, boxes=[]), EN))["boxes an image"] is None
    write_report(report, EN, tmp_path / "x.html")
    assert (tmp_path / "x_csv" / "class_boxes.csv").read_text() == "class,boxes\nclass 0,0\nclass 1,0\nclass 2,0\n"


def test_crowds_are_told_and_left_out():
    content = edited(lambda c: c["annotations"][0].update(iscrowd=1), images=3, boxes=BOXES)
    report = eda_report(Dataset(Path("one.json"), content), EN)
    assert report.notes == ["one.json: 1 crowd boxes are left out."]
    assert rows(report, "class_boxes") == [("class 0", 1), ("class 1", 2)]


def test_folds_and_how_far_each_is_from_its_share(tmp_path):
    data = dataset()
    write_folds(data.coco, Folds(np.array([[0, 1, 1], [1, 0, 0]]), np.arange(3)), tmp_path)
    chart = part_of(eda_report(data, EN, folds_dir=tmp_path), "fold_boxes")
    assert chart.table.columns == ("row", "class 0", "class 1", "class 2")
    assert chart.table.rows == [("fold 0", 2, 1, 0), ("fold 1", 0, 1, 0)]
    # Each validates on a half: of two boxes one, so that two are 100 % too many.
    assert chart.traces[0]["z"] == [[1, 0, 0], [1, 0, 0]]
    other = dataset(images=2, boxes=BOXES[:3])
    with pytest.raises(InputError, match=r"val_fold1.json: image 2 is none of the annotation file's"):
        eda_report(other, EN, folds_dir=tmp_path)


SUSPECTS = {
    "duplicate": [[200, 100, 30, 30], [200, 100, 30, 30]],
    "two classes": [[300, 100, 40, 40], [300, 101, 40, 40]],
    "tiny": [[50, 50, 2, 9]],
    "whole image": [[0, 0, 500, 400]],
    "outside": [[480, 300, 40, 40]],
    "sliver": [[100, 350, 200, 5]],
}
"""One of each kind in an image of its own, of 500 x 400 pixels, beside a box that is as it should be."""


def suspicious(images: Path | None = None) -> Dataset:
    boxes = []
    for image, found in enumerate(SUSPECTS.values()):
        labels = [0, 1] if image == 1 else [0, 0]
        boxes += [
            (image, 1, [400, 20, 60, 60]),
            *((image, label, box) for label, box in zip(labels, found, strict=False)),
        ]
    return Dataset(Path("train.json"), coco(images=len(SUSPECTS), boxes=boxes, size=(500, 400)), images)


@pytest.fixture
def photographs(tmp_path) -> Path:
    """All of them but two: one is missing, one is broken."""
    for image in range(4):
        write_jpeg(tmp_path / "train" / f"{image:04}.jpg", 500, 400)
    (tmp_path / "train" / "0004.jpg").write_text("no image")
    return tmp_path


def test_each_kind_of_suspect_has_its_picture_with_its_boxes_marked(photographs):
    report = eda_report(suspicious(photographs), EN)
    gallery = part_of(report, "suspects")
    assert isinstance(gallery, Gallery)
    assert [picture.kind for picture in gallery.pictures] == [*SUSPECTS]
    for image, (picture, (kind, boxes)) in enumerate(zip(gallery.pictures, SUSPECTS.items(), strict=True)):
        corners = [(x, y, x + width, y + height) for x, y, width, height in boxes]
        assert [box.xyxy for box in picture.boxes if box.kind == kind and box.loud] == corners
        assert [box for box in picture.boxes if box.kind != kind] == [
            Box("other", (400, 20, 460, 80), 1, "class 1", loud=False)
        ]
        assert picture.boxes[0].kind == "other", "what is marked lies on top"
        assert f"train/000{image}.jpg" in picture.caption
        x1, y1, x2, y2 = picture.window
        assert all(x1 <= box[0] and y1 <= box[1] and x2 >= min(box[2], 500) and y2 >= box[3] for box in corners)
    assert [picture.jpeg is not None for picture in gallery.pictures] == [True] * 4 + [False] * 2
    assert report.notes == [
        "train.json: 2 images are missing or broken, first train/0004.jpg; their boxes are shown alone."
    ]
    assert rows(report, "suspect_kinds") == [(kind, 1) for kind in SUSPECTS]
    assert rows(report, "suspects")[:3] == [
        ("duplicate", "train/0000.jpg", "1 2", "class 0 · class 0", 1),
        ("two classes", "train/0001.jpg", "4 5", "class 0 · class 1", pytest.approx(39 / 41, abs=1e-4)),
        ("tiny", "train/0002.jpg", "7", "class 0", 2),
    ]
    assert facts(report)["suspects"] == 6


def test_images_are_found_without_their_folder_and_the_window_is_cut_out(photographs):
    data = suspicious(photographs)
    for image in data.coco["images"]:
        image["file_name"] = Path(image["file_name"]).name
    pictures = part_of(eda_report(data, EN), "suspects").pictures
    assert [picture.jpeg is not None for picture in pictures] == [True] * 4 + [False] * 2
    assert pictures[2].window == (0, 0, 240, 240) and pictures[3].window == (0, 0, 500, 400)


def test_of_a_smaller_file_the_same_part_is_cut_out(tmp_path):
    """The only suspect is 2 x 9 pixels of an image that is annotated at 500 x 400 pixels and kept at half of that."""
    pixels = np.zeros((200, 250, 3), np.uint8)
    pixels[10:20, 190:200] = 255
    Image.fromarray(pixels).save(tmp_path / "0000.png")
    content = coco(images=1, boxes=[(0, 0, [389, 26, 2, 9])], size=(500, 400))
    content["images"][0]["file_name"] = "0000.png"
    (picture,) = part_of(eda_report(Dataset(Path("a.json"), content, tmp_path), EN), "suspects").pictures
    assert picture.window == (260, 0, 500, 240)
    copy = np.asarray(Image.open(io.BytesIO(picture.jpeg)))
    assert copy.shape == (120, 120, 3)
    assert copy[11:19, 61:69].min() > 200 and copy[25:].max() < 50


def test_without_a_folder_of_images_the_table_stands_alone_and_says_so():
    report = eda_report(suspicious(), EN)
    assert part_of(report, "suspects").pictures == () and len(rows(report, "suspects")) == 6
    assert report.notes == ["train.json: no images are shown; --images names the folder they lie in."]


def test_of_each_kind_only_the_worst_are_drawn(tmp_path):
    sides = [round(0.1 * (number + 1), 1) for number in range(EACH + 3)][::-1]
    boxes = [(0, 0, [20 * number, 0, side, 5]) for number, side in enumerate(sides)]
    report = eda_report(Dataset(Path("a.json"), coco(images=1, boxes=boxes, size=(500, 400)), tmp_path), EN)
    tiny = [picture for picture in part_of(report, "suspects").pictures if picture.kind == "tiny"]
    assert len(tiny) == EACH and " · 14 · class 0 · 0.1" in tiny[0].caption
    assert len([row for row in rows(report, "suspects") if row[0] == "tiny"]) == EACH + 3
    assert "a.json: 1 images are missing or broken, first train/0000.jpg; their boxes are shown alone." in report.notes


def test_numbers_are_the_same_in_every_language(photographs, tmp_path):
    for language in ("en", "ko"):
        words = Words(language)
        write_report(
            eda_report(suspicious(photographs), words, dataset("b.json")), words, tmp_path / language / "x.html"
        )
    english, korean = (written(tmp_path / language) for language in ("en", "ko"))
    assert english.pop("x.html") != korean.pop("x.html")
    assert english == korean


def test_the_competitions_own_file(shared, tmp_path):
    from mmdet_trash.annotations import load_annotations

    path = shared / "data" / "competition" / "train.json"
    report = eda_report(Dataset(path, load_annotations(path)), EN)
    assert facts(report) | {"suspects": None} == {
        "images": 4883, "boxes": 23144, "classes": 10, "boxes an image": 23144 / 4883, "most boxes": 71,
        "empty images": 0, "suspects": None,
    }  # fmt: skip
    counts = [3966, 6352, 897, 936, 982, 2943, 1263, 5178, 159, 468]
    assert [row[1] for row in rows(report, "class_boxes")] == counts
    assert np.sum([row[1:] for row in rows(report, "sizes")], axis=0).tolist() == [313, 5194, 17637]
    write_report(report, EN, tmp_path / "x.html")
    found = {row["annotations"]: row for row in csv.DictReader((tmp_path / "x_csv" / "suspects.csv").open())}
    assert found["5159"]["kind"] == "tiny"
