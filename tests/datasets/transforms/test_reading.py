import math

import cv2
import mmcv
import numpy as np
import pytest
from PIL import ExifTags, Image

from mmdet_trash.datasets.transforms.reading import UnreadableImage, read_image


def photograph(width=101, height=67):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 4)


def saved(path, kind):
    image = photograph()
    rgb = Image.fromarray(image[..., ::-1])
    if kind == "png_16_bit":
        cv2.imwrite(str(path), image.astype(np.uint16) * 257)
    elif kind == "png_grey_16_bit":
        cv2.imwrite(str(path), image[..., 0].astype(np.uint16) * 257)
    elif kind == "png_alpha":
        alpha = np.tile(np.arange(101, dtype=np.uint8), (67, 1))
        cv2.imwrite(str(path), np.dstack([image, alpha]))
    elif kind == "jpeg_progressive":
        rgb.save(path, "JPEG", progressive=True, quality=90)
    elif kind == "jpeg_full_colour":
        rgb.save(path, "JPEG", subsampling=0, quality=95)
    else:
        mode = {"jpeg_grey": "L", "png_grey": "L", "png_palette": "P", "jpeg_ink": "CMYK"}.get(kind, "RGB")
        rgb.convert(mode).save(path, kind.split("_")[0].upper())
    return path


KINDS = [
    "jpeg",
    "jpeg_full_colour",
    "jpeg_progressive",
    "jpeg_grey",
    "jpeg_ink",
    "png",
    "png_grey",
    "png_palette",
    "png_16_bit",
    "png_grey_16_bit",
    "png_alpha",
    "webp",
    "bmp",
]


@pytest.mark.parametrize("kind", KINDS)
def test_any_image_is_read_as_mmdetection_reads_it(tmp_path, kind):
    path = saved(tmp_path / f"image.{kind.split('_')[0]}", kind)
    image = read_image(path)
    assert image.dtype == np.uint8 and image.shape == (67, 101, 3)
    assert np.array_equal(image, mmcv.imread(str(path), flag="color"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright_at_every_size(tmp_path, orientation):
    path, exif = tmp_path / "turned.jpg", Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(photograph()[..., ::-1]).save(path, exif=exif)
    image = read_image(path)
    assert image.shape[:2] == ((101, 67) if orientation > 4 else (67, 101))
    assert np.array_equal(image, mmcv.imread(str(path), flag="color"))
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(int)
    small = read_image(path, 0.5)[: half.shape[0], : half.shape[1]]
    assert np.abs(small - half).mean() < 4


@pytest.mark.parametrize("kind", ["jpeg_full_colour", "png", "png_grey"])
@pytest.mark.parametrize(
    ("shrink", "divisor"), [(1.0, 1), (0.51, 1), (0.5, 2), (0.26, 2), (0.25, 4), (0.13, 4), (0.125, 8), (0.001, 8)]
)
def test_no_larger_than_needed(tmp_path, kind, shrink, divisor):
    path = saved(tmp_path / f"image.{kind.split('_')[0]}", kind)
    image = read_image(path, shrink)
    size = (math.ceil(101 / divisor), math.ceil(67 / divisor))
    assert image.shape == (size[1], size[0], 3)
    averaged = cv2.resize(read_image(path), size, interpolation=cv2.INTER_AREA)
    assert np.abs(image.astype(int) - averaged).mean() < 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"", "cannot be read"), (b"text", "cannot be read"), ("cut", "cannot be")],
)
def test_what_is_no_image_is_named(tmp_path, content, reason):
    path = tmp_path / "image.png"
    if content == "cut":
        saved(path, "png")
        content = path.read_bytes()[:20]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason) as error:
        read_image(path)
    assert error.value.path == str(path)
    assert str(error.value).startswith(f"{path}: ")
