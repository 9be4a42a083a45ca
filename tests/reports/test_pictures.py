"""Small copies of photographs, and the part of them that is worth a look."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdet_trash.errors import InputError
from mmdet_trash.reports.pictures import LONGEST, check_folder, small_jpeg, window_around
from tests.builders import write_jpeg


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG" and image.mode == "RGB"
    return image


def copy_of(path: Path, size: tuple[int, int] = (100, 80), window: tuple | None = None) -> Image.Image:
    """Of the whole image, or of a part."""
    return opened(small_jpeg(path, np.array(size), window or (0, 0, *size)))


@pytest.mark.parametrize("size", [(100, 80), (LONGEST, 20), (1300, 650), (650, 2600)])
def test_a_copy_is_small_and_keeps_its_shape(tmp_path, size):
    copy = copy_of(write_jpeg(tmp_path / "a.jpg", *size), size)
    assert max(copy.size) == min(LONGEST, max(size))
    assert copy.width / copy.height == pytest.approx(size[0] / size[1], rel=0.05)


def test_it_is_turned_as_the_photograph_says(tmp_path):
    turned = write_jpeg(tmp_path / "a.jpg", 100, 80, orientation=6)
    assert copy_of(turned, (80, 100)).size == (80, 100)
    assert copy_of(turned, (80, 100), (10, 10, 60, 90)).size == (50, 80)


@pytest.mark.parametrize("times", [1, 2, 0.5])
def test_a_part_is_cut_out_where_it_is_in_a_file_of_any_size(tmp_path, times):
    """The annotations are about 100 x 60 pixels."""
    pixels = np.zeros((round(60 * times), round(100 * times), 3), np.uint8)
    pixels[round(20 * times) : round(40 * times), round(50 * times) : round(80 * times)] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    part = copy_of(tmp_path / "a.png", (100, 60), (50, 20, 80, 40))
    assert part.size == (30 * times, 20 * times) and np.asarray(part).min() > 250
    assert np.asarray(copy_of(tmp_path / "a.png", (100, 60), (10, 20, 40, 40))).max() < 5
    assert copy_of(tmp_path / "a.png", (100, 60)).size == (100 * times, 60 * times)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16"])
def test_any_mode_becomes_a_jpeg(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new(mode, (30, 20)).save(path)
    assert copy_of(path, (30, 20)).size == (30, 20)


def test_where_there_is_no_image_there_is_no_copy(tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    whole = write_jpeg(tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    for name in ("none.jpg", "text.jpg", "cut.jpg", "."):
        assert small_jpeg(tmp_path / name, np.array((100, 80)), (0, 0, 5, 5)) is None


def test_a_folder_that_is_named_is_there(tmp_path):
    (tmp_path / "a.jpg").write_text("a file")
    check_folder(None)
    check_folder(tmp_path)
    for name in ("none", "a.jpg"):
        with pytest.raises(InputError, match=f"{name}: no such folder, that of the images is right"):
            check_folder(tmp_path / name)


@pytest.mark.parametrize(
    ("boxes", "size", "window"),
    [
        ([[400, 300, 500, 350]], (1000, 800), (250, 125, 650, 525)),  # four times as long
        ([[400, 300, 410, 310]], (1000, 800), (285, 185, 525, 425)),  # at least so large
        ([[0, 0, 100, 100]], (1000, 800), (0, 0, 400, 400)),  # in the corner
        ([[990, 790, 1000, 800]], (1000, 800), (760, 560, 1000, 800)),
        ([[0, 0, 900, 100]], (1000, 800), (0, 0, 1000, 800)),  # no larger than the image
        ([[10, 10, 20, 20]], (100, 80), (0, 0, 100, 80)),
        ([[400, 300, 420, 320], [460, 340, 500, 400]], (1000, 800), (250, 150, 650, 550)),  # around both
    ],
)
def test_a_window_is_around_its_boxes_and_within_the_image(boxes, size, window):
    assert window_around(np.array(boxes, float), np.array(size)) == window


@pytest.mark.parametrize("seed", range(20))
def test_boxes_within_their_image_lie_in_their_window(seed):
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 1500, 2)
    corners = np.sort(rng.random((3, 2, 2)), axis=1) * size
    boxes = corners.reshape(3, 4)
    x1, y1, x2, y2 = window_around(boxes, size)
    assert 0 <= x1 < x2 <= size[0] and 0 <= y1 < y2 <= size[1]
    assert all(float(value).is_integer() for value in (x1, y1, x2, y2))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    assert (low >= [x1 - 1, y1 - 1]).all() and (high <= [x2 + 1, y2 + 1]).all()
