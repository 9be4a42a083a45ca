from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mmdet_trash.datasets.transforms.canvas import Sample, render
from mmdet_trash.datasets.transforms.mixing import MixingTransform
from mmdet_trash.datasets.transforms.objects import BoxFilter, Objects, box_areas, clip_boxes, uncovered
from mmdet_trash.datasets.transforms.perspective import centred, to_frame
from mmdet_trash.errors import InputError
from mmdet_trash.registry import TRANSFORMS


class PairTransform(MixingTransform):
    """Mixes a sample with one other of the dataset, resized to fit it, by a share from a Beta distribution.

    Args:
        alpha: of Beta(alpha, alpha).
        boxes: arguments of :class:`BoxFilter`, which says what boxes are worth keeping.
        pad_val: grey beside an image of another shape.
        **kwargs: see :class:`MixingTransform`.
    """

    others = 1

    def __init__(self, alpha: float, boxes: dict[str, float] | None = None, pad_val: int = 114, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not alpha > 0:
            raise InputError(f"{type(self).__name__}: alpha {alpha} is out of range, above 0 is right")
        self.alpha = alpha
        self.boxes = BoxFilter(**(boxes or {}))
        self.pad_val = pad_val

    def fitted(self, other: Sample, size: tuple[int, int]) -> tuple[np.ndarray, Objects]:
        """The other image as large as the sample; what is that large already, as a mosaic is, stays as it is."""
        if "img" in other.results and other.size == size:
            return other.pixels(1.0), other.objects
        return render([centred(other, size)], to_frame(size), size, self.boxes, self.pad_val)


@TRANSFORMS.register_module()
class MixUp(PairTransform):
    """Blend a sample with another by a share from Beta(alpha, alpha); the boxes of both are kept.

    `mixup: Beyond Empirical Risk Minimization <https://arxiv.org/abs/1710.09412>`_, as detectors use it: losses are
    not weighted. To blend two mosaics, give the mosaic as `pre_transform` too.

    Required and modified keys: see :class:`MixingTransform`.

    Args:
        alpha: the larger, the nearer are both to one half.
        **kwargs: see :class:`PairTransform`.
    """

    def __init__(self, alpha: float = 8.0, **kwargs: Any) -> None:
        super().__init__(alpha, **kwargs)

    def mix_img_transform(self, results: dict[str, Any], others: list[Sample]) -> dict[str, Any]:
        image, own = Sample(results, self.images).whole()
        share = np.random.beta(self.alpha, self.alpha)
        other, objects = self.fitted(others[0], image.shape[1::-1])
        image = cv2.addWeighted(image, share, other, 1 - share, 0)
        return self.packed(results, image, Objects.concat([own, objects]))


@TRANSFORMS.register_module()
class CutMix(PairTransform):
    """Put a rectangle of another image in the same place of a sample.

    `CutMix <https://arxiv.org/abs/1905.04899>`_: the rectangle's area is a share from Beta(alpha, alpha), its centre
    anywhere. Boxes are kept by the share of their area that is seen; the other image's end at the rectangle, and a
    sample's box shrinks where the rectangle takes a whole side of it.

    Required and modified keys: see :class:`MixingTransform`.

    Args:
        alpha: 1 makes every share as likely.
        **kwargs: see :class:`PairTransform`; `boxes` keeps 0.3 of an object, at least, by default.
    """

    def __init__(self, alpha: float = 1.0, boxes: dict[str, float] | None = None, **kwargs: Any) -> None:
        super().__init__(alpha, boxes={"min_visible": 0.3, **(boxes or {})}, **kwargs)

    def mix_img_transform(self, results: dict[str, Any], others: list[Sample]) -> dict[str, Any]:
        image, own = Sample(results, self.images).whole()
        share = np.random.beta(self.alpha, self.alpha)
        centre = np.random.uniform(size=2)
        size = np.array(image.shape[1::-1])
        half = np.sqrt(share) / 2
        (x1, y1), (x2, y2) = (np.round((centre + sign * half) * size).clip(0, size).astype(int) for sign in (-1, 1))
        other, objects = self.fitted(others[0], (int(size[0]), int(size[1])))
        image = image.copy()
        image[y1:y2, x1:x2] = other[y1:y2, x1:x2]

        left, seen = uncovered(own.bboxes, (x1, y1, x2, y2))
        keep = self.boxes(left, box_areas(own.bboxes), seen)
        inside = clip_boxes(objects.bboxes, (x1, y1, x2, y2))
        enough = self.boxes(inside, box_areas(objects.bboxes))
        parts = [own.moved(left).select(keep), objects.moved(inside).select(enough)]
        return self.packed(results, image, Objects.concat(parts))
