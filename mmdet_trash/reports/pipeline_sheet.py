"""What a pipeline makes of a dataset's images."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from mmdet.structures.bbox import get_box_tensor
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_trash.datasets.randomness import seeded
from mmdet_trash.datasets.transforms.objects import Objects
from mmdet_trash.errors import InputError
from mmdet_trash.reports.contact_sheet import TILE, draw_boxes, visualizer_of


def instances(bboxes: Tensor, labels: Tensor) -> InstanceData:
    return InstanceData(bboxes=bboxes, labels=labels)


NONE = instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))


def draw_pipeline(dataset: Any, count: int, seed: int = 0, tile: int = TILE) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw samples as they are annotated and as the pipeline hands them to the model.

    Args:
        dataset: its pipeline ends in `PackDetInputs`; a wrapper or not.
        count: how many, spread evenly over the dataset.
        seed: of the random numbers.
        tile: longer side of a picture, in pixels.

    Yields:
        Two (h, w, 3) uint8 BGR pictures, before and after. Of several views the first is drawn.

    Raises:
        InputError: when an image cannot be read, or the pipeline ends otherwise.
    """
    visualizer = visualizer_of(tuple(dataset.metainfo["classes"]))
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int).tolist():
        info = dataset.get_data_info(index)
        image = cv2.imread(info["img_path"])
        if image is None:
            raise InputError(f"{info['img_path']}: cannot be read as an image")
        objects = Objects.of(info)
        with seeded([seed, index]):
            sample = dataset[index]
        if not isinstance(sample, dict) or "inputs" not in sample:
            raise InputError("the pipeline does not end in PackDetInputs: it gives no inputs to draw")
        packed, data_sample = sample["inputs"], sample["data_samples"]
        if isinstance(packed, list):
            packed, data_sample = packed[0], data_sample[0]
        found = data_sample.gt_instances
        known = "bboxes" in found  # not in a pipeline for testing
        picture = np.ascontiguousarray(packed.permute(1, 2, 0).numpy())
        annotated = instances(torch.from_numpy(objects.bboxes), torch.from_numpy(objects.labels))
        packed_boxes = instances(get_box_tensor(found.bboxes), found.labels) if known else NONE
        yield draw_boxes(visualizer, image, annotated, tile), draw_boxes(visualizer, picture, packed_boxes, tile)
