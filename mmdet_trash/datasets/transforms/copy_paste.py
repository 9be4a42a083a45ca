from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mmdet_trash.datasets.transforms.canvas import Sample
from mmdet_trash.datasets.transforms.mixing import MixingTransform
from mmdet_trash.datasets.transforms.objects import Objects, box_areas, clip_boxes
from mmdet_trash.errors import InputError
from mmdet_trash.registry import TRANSFORMS

EDGES = ("rectangle", "soft")
SOFT = 0.1
"""Share of an object's side over which a soft edge fades, at either end."""


class PasteTransform(MixingTransform):
    """Pastes cut-out boxes onto a sample where they cover little of what is there.

    Args:
        edge: "rectangle" pastes a box as it is, "soft" fades its border into the image.
        max_overlap: most of any box in the image that pasted ones may cover, as a share of its area.
        **kwargs: see :class:`MixingTransform`.
    """

    def __init__(self, edge: str = "rectangle", max_overlap: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if edge not in EDGES:
            raise InputError(f"{type(self).__name__}: edge {edge!r} is unknown, one of {EDGES} is right")
        self.edge, self.max_overlap = edge, max_overlap

    def board(self, sample: Sample) -> Board:
        image, objects = sample.whole()
        return Board(image.copy(), objects, self.edge, self.max_overlap)


class Board:
    """An image and its objects, to paste on.

    Args:
        image: (H, W, 3) uint8, written to.
        objects: those in it.
        edge: see :class:`PasteTransform`.
        max_overlap: see :class:`PasteTransform`.
    """

    def __init__(self, image: np.ndarray, objects: Objects, edge: str, max_overlap: float) -> None:
        self.image, self.objects = image, objects
        self.edge, self.max_overlap = edge, max_overlap
        self._hidden = np.zeros(len(objects))

    def paste(self, patch: np.ndarray, corner: np.ndarray, label: int) -> None:
        """Paste a cut-out as the last of the objects, unless too much of another would be covered.

        Args:
            patch: (h, w, 3) uint8, which fits into the image.
            corner: x, y of its upper left pixel.
            label: its class.
        """
        (x, y), (height, width) = corner.tolist(), patch.shape[:2]
        box = np.array([[x, y, x + width, y + height]], np.float64)
        bboxes = self.objects.bboxes
        # What earlier ones cover is counted whole, whether they overlap or not.
        hidden = self._hidden + box_areas(clip_boxes(bboxes, box[0])) / np.maximum(box_areas(bboxes), 1e-9)
        if (hidden > np.maximum(self._hidden, self.max_overlap)).any():
            return
        part = self.image[y : y + height, x : x + width]
        if self.edge == "soft":
            weight = np.outer(fade(height), fade(width))[..., None]
            patch = np.rint(weight * patch + (1 - weight) * part).astype(np.uint8)
        part[:] = patch
        pasted = Objects(box, np.array([label], np.int64), np.zeros(1, bool))
        self.objects, self._hidden = Objects.concat([self.objects, pasted]), np.append(hidden, 0.0)


@TRANSFORMS.register_module()
class CopyPaste(PasteTransform):
    """Paste objects of other images, cut out at their boxes, in random places and sizes.

    `Simple Copy-Paste <https://arxiv.org/abs/2012.07177>`_ with boxes for masks.

    Required and modified keys: see :class:`MixingTransform`.

    Args:
        max_objects: how many are tried, 1 to this.
        scale: how much smaller and larger than it is an object may become, two factors.
        class_aware: whether each class is pasted as often as any other, or each object.
        **kwargs: see :class:`PasteTransform`.
    """

    def __init__(
        self,
        max_objects: int = 5,
        scale: tuple[float, float] = (0.5, 1.5),
        class_aware: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_objects < 1 or not 0 < scale[0] <= scale[1]:
            raise InputError(f"CopyPaste: max_objects {max_objects} or scale {scale} is out of range")
        self.max_objects, self.scale, self.class_aware = max_objects, scale, class_aware
        self._places: list[np.ndarray] = []

    def attached(self, dataset: Any) -> None:
        """List where objects are, so that each costs one look-up: of each class, or of all, (N, 2) image, position."""
        infos = (dataset.get_data_info(i)["instances"] for i in range(len(dataset)))
        places = np.array(
            [
                (i, k, instance["bbox_label"])
                for i, instances in enumerate(infos)
                for k, instance in enumerate(instances)
                if not instance.get("ignore_flag")
            ]
        ).reshape(-1, 3)
        groups = np.unique(places[:, 2]) if self.class_aware else [None]
        self._places = [places[places[:, 2] == label, :2] if self.class_aware else places[:, :2] for label in groups]
        self._places = [group for group in self._places if len(group)]

    def mix_img_transform(self, results: dict[str, Any], others: list[Sample]) -> dict[str, Any]:
        board = self.board(Sample(results, self.images))
        for _ in range(np.random.randint(1, self.max_objects + 1)):
            patch, label = self._cut_out(board.image.shape[:2])
            if patch is not None:
                room = np.array(board.image.shape[1::-1]) - patch.shape[1::-1]
                board.paste(patch, np.random.randint(0, room + 1), label)
        return self.packed(results, board.image, board.objects)

    def _cut_out(self, shape: tuple[int, int]) -> tuple[np.ndarray | None, int]:
        """An object of the dataset at a size that fits an image's shape, or None when it is too small or unreadable."""
        if self.images is None:
            raise InputError(
                "CopyPaste: knows no dataset to take objects from; a hook AugmentationHook, or "
                "mmdet_trash.datasets.transforms.attach(dataset), tells it"
            )
        if not self._places:
            return None, 0
        group = self._places[np.random.randint(len(self._places))]
        index, position = group[np.random.randint(len(group))].tolist()
        info = self.images.dataset.get_data_info(index)
        if info["img_path"] in self.images.unreadable:
            return None, 0
        source = Sample(info, self.images)
        frame = min(shape[1] / source.size[0], shape[0] / source.size[1])  # as large in this image as in its own
        ratio = frame * np.random.uniform(*self.scale)
        pixels = source.pixels(min(1.0, ratio))
        of_array = np.array(pixels.shape[1::-1]) / source.size
        x1, y1, x2, y2 = whole_pixels(source.objects.bboxes[position] * [*of_array, *of_array], pixels)
        ratio = min(ratio / of_array.min(), shape[1] / max(1, x2 - x1), shape[0] / max(1, y2 - y1))
        width, height = int((x2 - x1) * ratio), int((y2 - y1) * ratio)
        if width < 2 or height < 2:
            return None, 0
        patch = cv2.resize(pixels[y1:y2, x1:x2], (width, height), interpolation=cv2.INTER_LINEAR)
        return patch, int(source.objects.labels[position])


@TRANSFORMS.register_module()
class MirrorPaste(PasteTransform):
    """Paste objects of the image itself once more, mirrored to its other half.

    Required and modified keys: see :class:`MixingTransform`.

    Args:
        share: of the objects that are copied.
        **kwargs: see :class:`PasteTransform`.
    """

    def __init__(self, share: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= share <= 1:
            raise InputError(f"MirrorPaste: share {share} is out of range, 0 to 1 is right")
        self.share = share

    def mix_img_transform(self, results: dict[str, Any], others: list[Sample]) -> dict[str, Any]:
        sample = Sample(results, self.images)
        board, (source, objects) = self.board(sample), sample.whole()
        chosen = np.random.permutation(len(objects))[: round(self.share * len(objects))]
        for index in chosen[~objects.ignored[chosen]]:
            x1, y1, x2, y2 = whole_pixels(objects.bboxes[index], source)
            patch, corner = source[y1:y2, x1:x2][:, ::-1], np.array([source.shape[1] - x2, y1])
            if patch.size:
                board.paste(patch, corner, int(objects.labels[index]))
        return self.packed(results, board.image, board.objects)


def whole_pixels(bbox: np.ndarray, image: np.ndarray) -> list[int]:
    """x1, y1, x2, y2 of the pixels of an image, (H, W, 3), that a box holds; a box may reach over the border."""
    return clip_boxes(np.rint(bbox)[None], (0, 0, image.shape[1], image.shape[0]))[0].astype(int).tolist()


def fade(length: int) -> np.ndarray:
    """(length,) weights that rise from the border to 1 and fall again."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    return np.minimum(1, distance / max(1.0, SOFT * length))
