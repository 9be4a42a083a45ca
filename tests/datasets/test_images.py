import io
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmdet_trash.datasets.images import ImageState, find_image, inspect_image, inspect_images
from tests.builders import write_jpeg


def png(width: int = 100, height: int = 80) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_a_whole_image_has_its_size(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(31, 17))
    assert inspect_image(write_jpeg(tmp_path / "a.jpg", 60, 40)) == ImageState((60, 40))
    assert inspect_image(tmp_path / "a.png") == ImageState((31, 17))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_image_has_the_size_it_is_loaded_with(tmp_path: Path, orientation: int) -> None:
    path = write_jpeg(tmp_path / "a.jpg", 60, 40, orientation)
    height, width = cv2.imread(str(path)).shape[:2]
    assert inspect_image(path) == ImageState((width, height))
    assert (width, height) == ((40, 60) if orientation >= 5 else (60, 40))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_truncated_image_is_broken(tmp_path: Path, name: str, share: float) -> None:
    path = write_jpeg(tmp_path / name)
    whole = path.read_bytes() if name == "a.jpg" else png()
    path.write_bytes(whole[: int(len(whole) * share)])
    state = inspect_image(path)
    assert state.size is None
    assert "truncated" in state.broken


@pytest.mark.parametrize("more", [b"\0", b"\n" * 100, b"a camera's own notes"])
def test_bytes_after_the_end_do_no_harm(tmp_path: Path, more: bytes) -> None:
    path = write_jpeg(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes() + more)
    assert inspect_image(path) == ImageState((100, 80))


@pytest.mark.parametrize("content", [b"", b"\xff", b"<html>404</html>", b"\x89PNG"])
def test_what_is_no_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert inspect_image(tmp_path / "a.jpg") == ImageState(None, "not an image")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert inspect_image(tmp_path / "none.jpg") == ImageState(None, "no such file")
    assert inspect_image(tmp_path) == ImageState(None, "Is a directory")


def test_an_image_too_large_to_be_true_is_broken(tmp_path: Path) -> None:
    # A PNG whose header says 60000x60000; Pillow refuses it as a decompression bomb.
    def chunk(name: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    header = chunk(b"IHDR", (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    state = inspect_image(tmp_path / "a.png")
    assert state.size is None
    assert "exceeds limit" in state.broken


@given(data=st.data())
def test_damaged_bytes_are_reported_never_raised(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = write_jpeg(tmp_path_factory.getbasetemp() / "damaged.jpg", 24, 16, orientation=6)
    content = bytearray(path.read_bytes() if data.draw(st.booleans()) else png(24, 16))
    for _ in range(data.draw(st.integers(1, 5))):
        # Headers and EXIF stand in the first bytes.
        content[data.draw(st.integers(0, 200) | st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    state = inspect_image(path)
    assert state.broken or min(state.size) > 0
    assert state.broken is None or "\n" not in state.broken


def test_many_are_inspected_in_order(tmp_path: Path) -> None:
    paths = [write_jpeg(tmp_path / f"{i}.jpg", 10 + i, 8) for i in range(30)]
    paths.insert(7, tmp_path / "none.jpg")
    sizes = [state.size for state in inspect_images(iter(paths))]
    assert sizes == [(10 + i, 8) for i in range(7)] + [None] + [(10 + i, 8) for i in range(7, 30)]


@pytest.mark.parametrize(
    ("lies", "file_name", "ann_file"),
    [
        ("train/a.jpg", "train/a.jpg", "train.json"),
        ("train/a.jpg", "a.jpg", "train.json"),
        ("train/a.jpg", "a.jpg", "folds/val_fold0.json"),
        ("test/a.jpg", "a.jpg", "data/test.json"),
        ("test/a.jpg", "a.jpg", "test_public.json"),
        ("a.jpg", "a.jpg", "test.json"),
        ("images/2020/a.jpg", "images/2020/a.jpg", "test.json"),
    ],
)
def test_an_image_is_found_with_or_without_its_folder(tmp_path: Path, lies: str, file_name: str, ann_file: str) -> None:
    write_jpeg(tmp_path / lies)
    assert find_image(tmp_path, file_name, ann_file) == tmp_path / lies


def test_the_name_as_given_goes_before_the_folder(tmp_path: Path) -> None:
    for folder in ("", "train", "test"):
        write_jpeg(tmp_path / folder / "a.jpg")
    assert find_image(tmp_path, "a.jpg", "train.json") == tmp_path / "a.jpg"


def test_a_missing_image_is_expected_where_its_name_says(tmp_path: Path) -> None:
    assert find_image(tmp_path, "a.jpg", "train.json") == tmp_path / "a.jpg"
    write_jpeg(tmp_path / "train" / "a.jpg")
    assert find_image(tmp_path, "a.jpg", "test.json") == tmp_path / "a.jpg"
