from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.classes import CLASSES
from mmdet_trash.errors import InputError
from mmdet_trash.predictions import ImageTable, Predictions, from_annotations
from tests.builders import coco, predictions, table


def test_an_image_table_keeps_the_files_order_and_sorts_categories() -> None:
    images = ImageTable.from_coco(
        {
            "images": [
                {"id": 9, "file_name": "b.jpg", "width": 3, "height": 4},
                {"id": 2, "file_name": "a.jpg", "width": 5, "height": 6},
            ],
            "categories": [{"id": 30, "name": "z"}, {"id": 1, "name": "y"}],
        }
    )
    assert images.ids.tolist() == [9, 2]
    assert images.file_names == ("b.jpg", "a.jpg")
    assert images.sizes.tolist() == [[3, 4], [5, 6]]
    assert images.category_ids.tolist() == [1, 30]
    assert images.classes == ("y", "z")
    assert len(images) == 2


def test_an_image_table_of_nothing() -> None:
    images = ImageTable.from_coco({"images": []})
    assert (len(images), images.sizes.shape, images.classes) == (0, (0, 2), CLASSES)


@given(st.lists(st.integers(0, 4), max_size=30))
def test_rows_are_sorted_by_image_and_keep_their_order_within(image_index: list[int]) -> None:
    images = table([f"{i}.jpg" for i in range(5)])
    # The score notes where a row came from.
    columns = predictions(images, [(image, 0, row, 0, 0, 1, 1) for row, image in enumerate(image_index)])
    for image in range(5):
        rows = columns.of_image(image)
        assert columns.scores[rows].tolist() == [row for row, of in enumerate(image_index) if of == image]
        assert (columns.image_index[rows] == image).all()
    assert len(columns) == len(image_index)


def test_columns_do_not_change_with_the_arrays_they_came_from() -> None:
    scores = np.array([0.5])
    columns = Predictions.from_columns(table(), [0], [0], scores, [[0, 0, 1, 1]])
    scores[0] = 0.9
    assert columns.scores.tolist() == [0.5]
    with pytest.raises(ValueError, match="read-only"):
        columns.scores[0] = 0.9


def test_boxes_are_cut_at_the_border_of_their_own_image() -> None:
    images = ImageTable.from_coco(
        {
            "images": [
                {"id": i, "file_name": str(i), "width": w, "height": h}
                for i, (w, h) in enumerate([(100, 80), (40, 60)])
            ]
        }
    )
    rows = [
        (0, 0, 0.5, -5, -1, 120, 90),
        (0, 0, 0.5, 1, 2, 3, 4),
        (1, 0, 0.5, 10, 20, 70, 70),
        (1, 0, 0.5, 50, -9, 60, -2),
    ]
    found = predictions(images, rows)
    assert found.cut().bboxes.tolist() == [[0, 0, 100, 80], [1, 2, 3, 4], [10, 20, 40, 60], [40, 0, 40, 0]]
    assert found.bboxes[0].tolist() == [-5, -1, 120, 90]


def test_select_keeps_all_images() -> None:
    columns = predictions(table(), [(0, 1, 0.9, 1, 2, 3, 4), (1, 2, 0.2, 5, 6, 7, 8), (1, 3, 0.6, 1, 1, 2, 2)])
    kept = columns.select(columns.scores > 0.5)
    assert kept.images is columns.images
    assert (kept.image_index.tolist(), kept.labels.tolist(), kept.scores.tolist()) == ([0, 1], [1, 3], [0.9, 0.6])
    assert kept.bboxes.tolist() == [[1, 2, 3, 4], [1, 1, 2, 2]]
    assert len(columns.select(np.zeros(3, bool)).of_image(1).indices(9)) == 3


ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.sampled_from([0.1, 0.5, 0.5, 0.9])), max_size=30)
FIVE = table([f"{i}.jpg" for i in range(5)])


def numbered(rows: list[tuple[int, int, float]], start: int = 0) -> Predictions:
    """Predictions whose x1 says which row they came from."""
    return predictions(FIVE, [(*row, start + number, 0, 1, 1) for number, row in enumerate(rows)])


def of_image(columns: Predictions, image: int) -> list[tuple[float, float]]:
    rows = columns.of_image(image)
    return list(zip(columns.scores[rows].tolist(), columns.bboxes[rows, 0].tolist(), strict=True))


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_concat_keeps_the_order_of_the_parts_within_an_image(lists: list[list[tuple]]) -> None:
    parts = [numbered(rows, 100 * number) for number, rows in enumerate(lists)]
    whole = Predictions.concat(parts)
    for image in range(5):
        assert of_image(whole, image) == [row for part in parts for row in of_image(part, image)]
    assert len(whole) == sum(map(len, parts))
    assert whole.images is FIVE


def test_concat_refuses_parts_about_other_images_and_none() -> None:
    first, other = predictions(table()), predictions(table(["a.jpg", "b.jpg"]))
    assert len(Predictions.concat([first, predictions(table())])) == 0, "an equal table of another file will do"
    with pytest.raises(ValueError, match=r"^predictions: part 1 is about other images or categories than part 0$"):
        Predictions.concat([first, other])
    with pytest.raises(ValueError, match="part 1 is about other images or categories"):
        Predictions.concat([first, predictions(table(categories=range(1, 11)))])
    with pytest.raises(ValueError, match="at least one part"):
        Predictions.concat([])


@given(ROWS)
def test_sorting_by_score_is_stable_and_stays_within_the_image(rows: list[tuple]) -> None:
    columns = numbered(rows)
    ranked = columns.sorted_by_score()
    for image in range(5):
        assert of_image(ranked, image) == sorted(of_image(columns, image), key=lambda row: -row[0])
    assert ranked.sorted_by_score() is ranked, "nothing is copied for what is sorted"


@given(ROWS, st.integers(0, 6))
def test_first_keeps_so_many_of_each_image(rows: list[tuple], count: int) -> None:
    columns = numbered(rows)
    kept = columns.first(count)
    for image in range(5):
        assert of_image(kept, image) == of_image(columns, image)[:count]
    assert kept.images is FIVE


def test_every_way_to_make_predictions_gives_read_only_columns() -> None:
    columns = numbered([(0, 1, 0.1), (1, 2, 0.5), (0, 3, 0.9)])
    ways = {
        "made": columns,
        "select": columns.select(columns.scores > 0.3),
        "concat": Predictions.concat([columns, columns]),
        "sorted": columns.sorted_by_score(),
        "first": columns.first(1),
    }
    for way, made in ways.items():
        for name in ("image_index", "labels", "scores", "bboxes"):
            column = getattr(made, name)
            assert not column.flags.writeable and column.flags.c_contiguous, (way, name)


@pytest.mark.parametrize("image_index", [[0, 1], [1, 0]])
def test_columns_are_copies_whether_they_were_sorted_or_not(image_index: list[int]) -> None:
    bboxes = np.zeros((2, 4))
    columns = Predictions.from_columns(table(), image_index, [0, 0], [0.5, 0.5], bboxes)
    bboxes[:] = 7
    assert columns.bboxes.max() == 0


GOOD: dict[str, Any] = {
    "image_index": [0, 1],
    "labels": [3, 9],
    "scores": [0.5, 0.6],
    "bboxes": [[0, 0, 1, 1], [2, 2, 3, 3]],
}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("image_index", [0, 2], "image_index row 1 is 2, 0 to 1 is right"),
        ("image_index", [-1, 0], "image_index row 0 is -1, 0 to 1 is right"),
        ("labels", [0, 10], "labels row 1 is 10, 0 to 9 is right"),
        ("scores", [0.5, float("nan")], "scores row 1 is nan, finite numbers are right"),
        ("bboxes", [[0, 0, 1, float("inf")], [0, 0, 1, 1]], r"bboxes row 0 is \[ 0.  0.  1. inf\], finite numbers"),
        ("scores", [0.5], "columns of unequal length: {'image_index': 2, 'labels': 2, 'scores': 1, 'bboxes': 2}"),
    ],
)
def test_wrong_columns_name_the_row(column: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^predictions: {message}"):
        Predictions.from_columns(table(), **{**GOOD, column: value})


def test_annotations_become_predictions() -> None:
    content = coco(
        categories=(4, 2, 11), boxes=[(1, 11, [10, 20, 30, 40]), (0, 2, [0.5, 0, 1, 2]), (1, 4, [1, 1, 1, 1])]
    )
    truth = from_annotations(content)
    assert truth.image_index.tolist() == [0, 1, 1]
    assert truth.labels.tolist() == [0, 2, 1]
    assert truth.scores.tolist() == [1, 1, 1]
    assert truth.bboxes.tolist() == [[0.5, 0, 1.5, 2], [10, 20, 40, 60], [1, 1, 2, 2]]
    assert content["annotations"][0]["bbox"] == [10, 20, 30, 40]


def test_a_test_set_has_no_annotations() -> None:
    content = coco(images=3)
    del content["annotations"]
    truth = from_annotations(content)
    assert (len(truth), len(truth.images)) == (0, 3)


def test_a_part_is_about_its_images_alone() -> None:
    images = table([f"{i}.jpg" for i in range(5)])
    whole = predictions(images, [(i, i % 3, i / 10, 0, 0, 1, j) for i in (0, 1, 1, 3, 4) for j in (1, 2)])
    part = whole.part(1, 4)
    assert (part.images.file_names, part.images.ids.tolist()) == (("1.jpg", "2.jpg", "3.jpg"), [17, 27, 37])
    assert part.image_index.tolist() == [0, 0, 0, 0, 2, 2]
    assert part.scores.tolist() == [0.1] * 4 + [0.3] * 2
    assert part.scores.base is not None  # a view
    assert (len(whole.part(2, 3)), len(whole.part(2, 3).images)) == (0, 1)
