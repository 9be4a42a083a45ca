"""Image files of a dataset: where they are, whether they are whole, how large they really are."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

ENDINGS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
"""How a whole file of a format ends; one that ends otherwise is decoded to see."""
ROTATED = {5, 6, 7, 8}
"""EXIF orientations that swap width and height; OpenCV turns such images when it loads them."""


@dataclass(frozen=True)
class ImageState:
    """What the header and the end of an image file say.

    Attributes:
        size: `(width, height)` as the image is shown, or None when the file is broken.
        broken: what is wrong with the file, a missing one included, or None when it is whole.
    """

    size: tuple[int, int] | None
    broken: str | None = None


def find_image(root: Path, file_name: str, ann_file: str) -> Path:
    """Where an image lies, `file_name` being given with or without its folder.

    Without one it is looked for in the root and then in the folder that the annotation file's name begins with
    (`test.json`: `test/`; any other, such as `val_fold0.json`: `train/`).

    Args:
        root: the dataset's folder.
        file_name: as the annotation file says it.
        ann_file: the annotation file's path.
    """
    path = root / file_name
    if path.exists():
        return path
    folder = "test" if Path(ann_file).name.startswith("test") else "train"
    inside = root / folder / file_name
    return inside if inside.exists() else path


def inspect_images(paths: Iterable[Path]) -> list[ImageState]:
    """`inspect_image` of many files, in order."""
    with ThreadPoolExecutor(min(16, 4 * (os.cpu_count() or 1))) as pool:
        return list(pool.map(inspect_image, paths))


def inspect_image(path: Path) -> ImageState:
    """Read an image's header and check that its end is there, without decoding it where that can be told."""
    try:
        with Image.open(path) as image:
            size = image.size
            if image.getexif().get(ExifTags.Base.Orientation) in ROTATED:
                size = size[::-1]
            if not _ends_with(path, ENDINGS.get(image.format or "")):
                image.load()
        return ImageState(size)
    except FileNotFoundError:
        return ImageState(None, "no such file")
    except UnidentifiedImageError:
        return ImageState(None, "not an image")
    except Exception as error:  # Pillow's decoders and its EXIF reader raise whatever they stumble over
        return ImageState(None, getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _ends_with(path: Path, ending: bytes | None) -> bool:
    if ending is None:
        return False
    with path.open("rb") as file:
        file.seek(-len(ending), os.SEEK_END)
        return file.read() == ending
