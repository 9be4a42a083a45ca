import cv2
import numpy as np
import pytest

from mmdet_trash.annotations import load_annotations
from mmdet_trash.errors import InputError
from mmdet_trash.predictions import ImageTable, Predictions, from_annotations
from mmdet_trash.reports.contact_sheet import GAP, draw_contact_sheet, write_image


def draw(root, predictions, **kwargs):
    return draw_contact_sheet(predictions, root / "train.json", root, tile=128, **kwargs)


@pytest.fixture
def images(synthetic):
    return ImageTable.from_coco(load_annotations(synthetic / "train.json"))


def test_a_box_is_drawn_where_it_is_and_the_rest_is_the_photograph(synthetic, images):
    one = Predictions.from_columns(images, [3], [0], [0.9], [[20, 40, 100, 110]])
    sheet = draw(synthetic, one)
    assert sheet.shape == (128 + 2 * GAP, 128 + 2 * GAP, 3)
    photograph = cv2.imread(str(synthetic / "train" / "0003.jpg"))
    changed = np.abs(sheet[GAP:-GAP, GAP:-GAP].astype(int) - photograph).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert abs(rows.min() - 40) <= 3 and abs(rows.max() - 110) <= 3
    assert abs(columns.min() - 20) <= 3 and abs(columns.max() - 100) <= 3
    assert not changed[75:100, 30:90].any(), "the inside of the box shows the photograph"


@pytest.mark.parametrize(("count", "columns", "rows_and_columns"), [(4, 2, (2, 2)), (5, 3, (2, 3)), (1, 4, (1, 1))])
def test_the_sheet_is_as_large_as_its_tiles(synthetic, count, columns, rows_and_columns):
    truth = from_annotations(load_annotations(synthetic / "train.json"))
    sheet = draw(synthetic, truth, count=count, columns=columns, show_scores=False)
    assert sheet.shape[:2] == tuple(n * (128 + GAP) + GAP for n in rows_and_columns)


def test_without_any_box_the_images_are_drawn(synthetic, images):
    assert draw(synthetic, Predictions.from_columns(images, [], [], [], []), count=2).shape[1] == 2 * (128 + GAP) + GAP


def test_an_image_that_cannot_be_read_is_named(tmp_path, images):
    with pytest.raises(InputError, match=r"train/0003\.jpg: cannot be read as an image"):
        draw(tmp_path, Predictions.from_columns(images, [3], [0], [0.9], [[20, 40, 100, 110]]))


def test_an_image_is_written_as_its_ending_says(tmp_path):
    picture = np.full((10, 20, 3), 77, np.uint8)
    write_image(picture, tmp_path / "a.png")
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png")), picture)
    with pytest.raises(InputError, match=r"a\.doc: unknown ending for an image, \.png or \.jpg is right"):
        write_image(picture, tmp_path / "a.doc")


def test_the_tool_draws_truth_and_predictions(synthetic, tool, tmp_path):
    ann, out = synthetic / "train.json", tmp_path / "sheet.png"
    assert tool("browse", ann, "--out", out, "--count", 2).code == 0
    truth = cv2.imread(str(out))
    submission = tmp_path / "submission.csv"
    submission.write_text("PredictionString,image_id\n3 0.9 1 1 50 50 3 0.1 1 1 90 90,train/0001.jpg\n")
    assert tool("browse", ann, "--predictions", submission, "--out", out).code == 0
    assert cv2.imread(str(out)).shape != truth.shape, "one image has predictions above the threshold"


def test_the_tool_tells_a_users_mistake_in_one_line(synthetic, tool, tmp_path):
    result = tool("browse", synthetic / "train.json", "--predictions", tmp_path / "none.csv")
    assert (result.code, result.err.splitlines()[-1]) == (2, f"error: {tmp_path}/none.csv: no such file")
    assert tool("browse", synthetic / "train.json", "--count", "0").code == 2
