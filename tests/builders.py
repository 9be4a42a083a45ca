"""Small datasets and predictions for tests, and hypothesis strategies for broken ones."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import ExifTags, Image

from mmdet_trash.predictions import ImageTable, Predictions

ROOT = Path(__file__).resolve().parent.parent


def coco(
    images: int = 2,
    boxes: Iterable[tuple] = ((0, 0, [10, 10, 30, 20]), (1, 1, [5, 5, 50, 40])),
    categories: tuple[int, ...] = (0, 1),
    size: tuple[int, int] = (100, 80),
    folder: str = "train/",
) -> dict[str, Any]:
    """A COCO dict: `images` images of ids and names 0, 1, …, and one annotation a `(image id, category id, xywh)`."""
    width, height = size
    return {
        "images": [
            {"id": i, "file_name": f"{folder}{i:04}.jpg", "width": width, "height": height} for i in range(images)
        ],
        "categories": [{"id": i, "name": f"class {i}"} for i in categories],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0}
            for i, (image, category, bbox) in enumerate(boxes)
        ],
    }


def edited(change: Callable[[dict[str, Any]], Any], **kwargs: Any) -> dict[str, Any]:
    """`coco(**kwargs)` after a change in place."""
    content = coco(**kwargs)
    change(content)
    return content


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_jpeg(path: Path, width: int = 100, height: int = 80, orientation: int | None = None) -> Path:
    """A noisy JPEG, large enough that a cut in its middle cuts pixels; EXIF says how it is to be turned."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image, exif = Image.fromarray(pixels), Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", exif=exif)
    return path


def trash_dataset(root: Path, *pipeline: dict[str, Any], **options: Any) -> Any:
    """The training data of a folder, with transforms by name."""
    from mmengine.registry import DefaultScope

    from mmdet_trash.registry import DATASETS

    cfg = {"type": "TrashDataset", "data_root": str(root), "ann_file": "train.json", "pipeline": list(pipeline)}
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return DATASETS.build({**cfg, **options})


def table(
    names: Iterable[str] = ("test/0000.jpg", "test/0001.jpg"), categories: Iterable[int] = range(10)
) -> ImageTable:
    """Images of 100x80 pixels; image ids are not positions."""
    images = [{"id": 10 * i + 7, "file_name": name, "width": 100, "height": 80} for i, name in enumerate(names)]
    return ImageTable.from_coco({"images": images, "categories": [{"id": i, "name": f"class {i}"} for i in categories]})


def predictions(images: ImageTable, rows: Iterable[tuple] = ()) -> Predictions:
    """One detection a `(image position, label, score, x1, y1, x2, y2)`."""
    columns = np.array(list(rows), dtype=np.float64).reshape(-1, 7)
    return Predictions.from_columns(
        images, columns[:, 0].astype(int), columns[:, 1].astype(int), columns[:, 2], columns[:, 3:]
    )


def float32s(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers as a network gives them."""
    bounds = (float(np.float32(low)), float(np.float32(high)))
    return st.floats(*bounds, width=32)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 2**63, 1.7e308])
    | st.floats()
    | st.sampled_from(["", "0", "1", "nan", "1e999", "train", "train/0000.jpg", "../x", "a\0b", "/", "."])
    | st.text(max_size=3)
)
"""What may stand in a JSON file, NaN and integers of any size among it."""
KEYS = st.sampled_from(
    [
        "images",
        "annotations",
        "categories",
        "id",
        "image_id",
        "category_id",
        "bbox",
        "segmentation",
        "size",
        "counts",
        "name",
        "file_name",
        "width",
        "height",
    ]
)
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=12,
)


@st.composite
def broken_coco(draw: st.DrawFn) -> dict[str, Any]:
    """A valid COCO dict in which a few values were replaced or taken out and a few entries repeated."""
    content = coco(images=4, boxes=[(i % 3, i % 2, [i, 5, 30, 20]) for i in range(5)])
    masks = [[[1, 5, 30, 5, 30, 24.5]], {"size": [80, 100], "counts": [5, 7995]}]
    for annotation, mask in zip(content["annotations"], masks, strict=False):
        annotation["segmentation"] = mask
    for _ in range(draw(st.integers(1, 6))):
        entries = content[draw(st.sampled_from(["images", "annotations", "categories"]))]
        entry = draw(st.sampled_from(entries))
        key = draw(st.sampled_from([*entry, "repeat"]))
        if key == "repeat":
            entries.append(dict(entry))
        elif draw(st.booleans()):
            entry[key] = draw(SCALARS | st.lists(SCALARS, min_size=4, max_size=4) | JSON_VALUES)
        else:
            del entry[key]
    return content
