"""Images with their boxes drawn, side by side on one sheet."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmengine.structures import InstanceData

from mmdet_trash.classes import CLASSES, PALETTE
from mmdet_trash.datasets.images import find_image
from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write
from mmdet_trash.predictions import Predictions

GAP = 8
TILE = 480


def draw_contact_sheet(
    predictions: Predictions,
    ann_file: Path,
    root: Path,
    count: int = 12,
    columns: int = 4,
    tile: int = TILE,
    show_scores: bool = True,
) -> np.ndarray:
    """Draw boxes with their classes on images spread evenly over those that have any.

    Args:
        predictions: what to draw.
        ann_file: the annotation file that its images are of.
        root: folder the images are looked for in.
        count: how many images to draw, at most.
        columns: how many stand in a row.
        tile: longer side of a drawn image, in pixels.
        show_scores: whether to write scores, in percent, beside the classes.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        InputError: when an image cannot be read.
    """
    images = predictions.images
    classes = images.classes
    visualizer = visualizer_of(classes)
    chosen = np.unique(predictions.image_index)
    if len(chosen) == 0:
        chosen = np.arange(len(images))
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(count, len(chosen))).round().astype(int)]
    tiles = []
    for index in chosen.tolist():
        path = find_image(root, images.file_names[index], str(ann_file))
        image = cv2.imread(str(path))
        if image is None:
            raise InputError(f"{path}: cannot be read as an image")
        rows = predictions.of_image(index)
        instances = InstanceData(
            bboxes=torch.tensor(predictions.bboxes[rows]), labels=torch.tensor(predictions.labels[rows])
        )
        if show_scores:
            instances.scores = torch.tensor(predictions.scores[rows])
        tiles.append(draw_boxes(visualizer, image, instances, tile))
    return grid(tiles, columns, tile)


def visualizer_of(classes: tuple[str, ...]) -> DetLocalVisualizer:
    """MMDetection's, with the competition's colours for its classes and random ones for others."""
    visualizer = DetLocalVisualizer(line_width=2)
    visualizer.dataset_meta = {"classes": classes, "palette": list(PALETTE) if classes == CLASSES else "random"}
    return visualizer


def draw_boxes(
    visualizer: DetLocalVisualizer, image: np.ndarray, instances: InstanceData, tile: int = TILE
) -> np.ndarray:
    """Resize an image and draw boxes with their classes on it, and with scores where they have any.

    Args:
        visualizer: see :func:`visualizer_of`.
        image: (H, W, 3) uint8, BGR.
        instances: `bboxes` (N, 4) in the image's pixels, `labels` (N,), perhaps `scores` (N,).
        tile: longer side of what is returned, in pixels.

    Returns:
        (h, w, 3) uint8, BGR.
    """
    scale = tile / max(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    last = torch.tensor([image.shape[1] - 1, image.shape[0] - 1]).repeat(2)  # beyond it the drawer warns
    bboxes = (instances.bboxes * scale).clamp(min=0).minimum(last)
    scaled = InstanceData(**{**dict(instances.items()), "bboxes": bboxes})
    predicted = "scores" in scaled
    sample = DetDataSample(**{"pred_instances" if predicted else "gt_instances": scaled})
    visualizer.add_datasample(
        "", image[..., ::-1], sample, draw_gt=not predicted, draw_pred=predicted, pred_score_thr=0
    )
    return visualizer.get_image()[..., ::-1]


def write_image(image: np.ndarray, path: Path) -> None:
    """Write an (H, W, 3) uint8 BGR image in the format that the file's ending names.

    Raises:
        InputError: for an ending that names none.
    """
    try:
        encoded = cv2.imencode(path.suffix, image)[1]
    except cv2.error:
        raise InputError(f"{path}: unknown ending for an image, .png or .jpg is right") from None
    with atomic_write(path, "wb") as file:
        file.write(encoded.tobytes())


def grid(tiles: list[np.ndarray], columns: int, tile: int = TILE) -> np.ndarray:
    """Tiles in rows of `columns`, each in the middle of a square of `tile` pixels; (H, W, 3) uint8."""
    columns = max(1, min(columns, len(tiles)))
    rows = -(-len(tiles) // columns)
    step = tile + GAP
    sheet = np.full((rows * step + GAP, columns * step + GAP, 3), 255, dtype=np.uint8)
    for index, image in enumerate(tiles):
        height, width = image.shape[:2]
        top = GAP + index // columns * step + (tile - height) // 2
        left = GAP + index % columns * step + (tile - width) // 2
        sheet[top : top + height, left : left + width] = image
    return sheet
