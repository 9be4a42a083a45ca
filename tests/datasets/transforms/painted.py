"""A small dataset whose objects each have a colour of their own: the pixels tell where one is seen."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmdet_trash.datasets.randomness import seeded
from mmdet_trash.datasets.transforms.mixing import attach
from mmdet_trash.datasets.trash_dataset import TrashDataset
from tests.builders import write_json

SIZES = ((96, 80), (96, 80), (80, 96), (64, 64), (96, 80))
"""Width and height of the images; each shows four objects, on black."""
OBJECTS = 4 * len(SIZES)
KEEP_ALL = {"min_size": 1e-3, "min_visible": 0.0, "max_aspect": 1e9}
"""A box filter under which whatever is seen has a box."""


@dataclass
class Painted:
    """The dataset's folder, the (N, 3) BGR colours of its objects and their labels."""

    root: Path
    colours: np.ndarray
    labels: list[int]

    @cached_property
    def dataset(self) -> TrashDataset:
        return TrashDataset(ann_file="train.json", data_root=str(self.root), pipeline=[])

    def pipeline(self, *steps: dict[str, Any]) -> Compose:
        """Transforms that draw from the dataset."""
        with DefaultScope.overwrite_default_scope("mmdet_trash"):
            self.dataset.pipeline = Compose(steps)
        attach(self.dataset)
        return self.dataset.pipeline

    def transform(self, **cfg: Any) -> Any:
        return self.pipeline(cfg).transforms[0]

    def info(self, index: int = 0) -> dict[str, Any]:
        return self.dataset.get_data_info(index)

    def sample(self, *steps: dict[str, Any], seed: int = 0, index: int = 0) -> dict[str, Any]:
        """What transforms make of an image under a seed."""
        pipeline = self.pipeline(*steps)
        with seeded([seed]):
            return pipeline(self.info(index))

    def seen(self, image: np.ndarray, label: int) -> np.ndarray:
        """(H, W) bool, the pixels that have exactly the colour of the object that alone has a label."""
        return (image == self.colours[label]).all(-1)


def paint(root: Path, labels: list[int]) -> Painted:
    """Write the dataset; an object has the label at its position."""
    rng = np.random.default_rng(0)
    colours = rng.integers(30, 256, (OBJECTS, 3)).astype(np.uint8)
    images, annotations = [], []
    for i, (width, height) in enumerate(SIZES):
        image = np.zeros((height, width, 3), np.uint8)
        images.append({"id": i, "file_name": f"train/{i}.png", "width": width, "height": height})
        for k in range(4):
            # One object in each quarter, so that none covers another.
            half = np.array([width // 2, height // 2])
            size = rng.integers(13, half - 3)
            (x, y), (w, h) = rng.integers(1, half - size) + half * [k % 2, k // 2], size
            number = 4 * i + k
            image[y : y + h, x : x + w] = colours[number]
            box = [int(x), int(y), int(w), int(h)]
            annotations.append({"id": number, "image_id": i, "category_id": labels[number], "bbox": box, "iscrowd": 0})
        (root / "train").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / "train" / f"{i}.png"), image)
    categories = [{"id": label, "name": f"class {label}"} for label in sorted(set(labels))]
    write_json(root / "train.json", {"images": images, "categories": categories, "annotations": annotations})
    return Painted(root, colours, labels)


def boxes_and_labels(results: dict[str, Any]) -> list[tuple[np.ndarray, int]]:
    bboxes = results["gt_bboxes"].tensor.numpy().astype(float)
    return list(zip(bboxes, results["gt_bboxes_labels"].tolist(), strict=True))


def assert_boxes_lie_in_the_image(results: dict[str, Any]) -> None:
    height, width = results["img"].shape[:2]
    assert results["img_shape"] == (height, width)
    for (x1, y1, x2, y2), _ in boxes_and_labels(results):
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height


def assert_colours_lie_in_boxes(painted: Painted, results: dict[str, Any], slack: float = 1.0) -> None:
    """Each pixel of an object's colour lies in a box of its label, or as near to it as `slack` pixels."""
    for label in painted.labels:
        outside = painted.seen(results["img"], label)
        for box, of in boxes_and_labels(results):
            if of == label:
                outside[window(box, -slack)] = False
        assert not outside.any(), f"object {label} is seen outside its boxes at {np.argwhere(outside)[:3].tolist()}"


def share_of_colour(painted: Painted, image: np.ndarray, box: np.ndarray, label: int, border: float = 2.0) -> float:
    """How much of a box, without a border of it, has its object's colour; 1 when nothing is left of it."""
    inner = painted.seen(image, label)[window(box, border)]
    return float(inner.mean()) if inner.size else 1.0


def window(box: np.ndarray, border: float) -> tuple[slice, slice]:
    """The pixels that lie wholly in a box less a border."""
    x1, y1 = np.ceil(box[:2] + border).astype(int).clip(0)
    x2, y2 = np.floor(box[2:] - border).astype(int).clip(0)
    return slice(y1, max(y1, y2)), slice(x1, max(x1, x2))


def loaded(info: dict[str, Any]) -> dict[str, Any]:
    """A data info with its image read by OpenCV, which nothing may write to."""
    image = cv2.imread(info["img_path"])
    image.flags.writeable = False
    return {**info, "img": image}
