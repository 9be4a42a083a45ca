"""Which boxes of an anchor-based YOLO learn which objects: by shape and place, and SimOTA's choice among those."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.models.layers import BoxPairs


@dataclass(frozen=True)
class Objects:
    """The objects of a batch of images.

    Attributes:
        image: (G,), which image each is in, ascending.
        bboxes: (G, 4), xyxy in pixels.
        labels: (G,).
    """

    image: Tensor
    bboxes: Tensor
    labels: Tensor

    @classmethod
    def of_images(cls, bboxes: Sequence[Tensor], labels: Sequence[Tensor]) -> "Objects":
        """Join those of each image."""
        counts = torch.tensor([len(own) for own in labels], device=labels[0].device)
        image = torch.arange(len(labels), device=counts.device).repeat_interleave(counts)
        return cls(image, torch.cat(list(bboxes)), torch.cat(list(labels)))


@dataclass(frozen=True)
class Matches:
    """Pairs of a predicted box and the object that it learns.

    Attributes:
        level: (M,), of the pyramid, ascending.
        image: (M,).
        anchor: (M,), of the level's.
        y: (M,), row of the level's map.
        x: (M,), column.
        target: (M,), index of the object.
    """

    level: Tensor
    image: Tensor
    anchor: Tensor
    y: Tensor
    x: Tensor
    target: Tensor

    def __len__(self) -> int:
        return len(self.level)

    def __getitem__(self, chosen: Tensor) -> "Matches":
        return Matches(*(column[chosen] for column in self.columns))

    def of_levels(self, levels: int) -> list["Matches"]:
        """Those of each level."""
        counts = torch.bincount(self.level, minlength=levels).tolist()
        return [Matches(*columns) for columns in zip(*(column.split(counts) for column in self.columns), strict=True)]

    @property
    def columns(self) -> tuple[Tensor, ...]:
        """All attributes in their order."""
        return self.level, self.image, self.anchor, self.y, self.x, self.target


def match_by_ratio(
    objects: Objects, anchors: Tensor, sizes: Sequence[tuple[int, int]], strides: Sequence[int], ratio_thr: float = 4.0
) -> Matches:
    """Match each object to the anchors of its shape, in the cell of its centre and the two that are nearest to it.

    An anchor is of an object's shape if neither side is `ratio_thr` times the other's or more. As in YOLOv5, which
    `YOLOv7 <https://arxiv.org/abs/2207.02696>`_ builds on.

    Args:
        objects: of the batch.
        anchors: (L, A, 2), width and height in pixels.
        sizes: height and width of each level's map.
        strides: of each level, in pixels.
        ratio_thr: above 1.

    Returns:
        The pairs, level by level; within one, those of the centres' own cells come first.
    """
    device = objects.bboxes.device
    sides = objects.bboxes[:, 2:] - objects.bboxes[:, :2]
    ratio = sides / anchors[:, :, None]  # (L, A, G, 2)
    level, anchor, target = (torch.maximum(ratio, 1 / ratio).amax(-1) < ratio_thr).nonzero().unbind(1)

    stride = torch.tensor(strides, device=device)[level, None]
    height_width = torch.tensor(sizes, device=device)[level]
    width_height = height_width.flip(1)
    centre = (objects.bboxes[:, 2:] + objects.bboxes[:, :2])[target] / (2 * stride)  # in cells
    # A neighbour is as near as a cell's middle, and inside the map.
    before = (centre % 1 < 0.5) & (centre > 1)
    from_end = width_height - centre
    after = (from_end % 1 < 0.5) & (from_end > 1)
    taken = torch.cat([torch.ones_like(before[:, :1]), before, after], 1).T  # (5, N)
    shift = centre.new_tensor([[0, 0], [-0.5, 0], [0, -0.5], [0.5, 0], [0, 0.5]])
    way, pair = taken.nonzero().unbind(1)
    cell = (centre[pair] + shift[way]).floor().long()
    cell = torch.minimum(cell.clamp(min=0), width_height[pair] - 1)
    found = Matches(level[pair], objects.image[target][pair], anchor[pair], cell[:, 1], cell[:, 0], target[pair])
    return found[found.level.argsort(stable=True)]


def match_by_simota(
    candidates: Matches, objects: Objects, bboxes: Tensor, logits: Tensor, top_k: int = 10, iou_weight: float = 3.0
) -> Matches:
    """Choose among candidates by how well the boxes fit already: each object takes its cheapest.

    It takes as many as its `top_k` best IoUs add up to, at least one; what several take goes to the one that it is
    cheapest for. The cost of a pair is the binary cross entropy of its classes, each score the geometric mean of
    objectness and class, and `iou_weight` times `-log(IoU)`. From `YOLOX <https://arxiv.org/abs/2107.08430>`_, section
    2.1, and `OTA <https://arxiv.org/abs/2103.14259>`_; `YOLOv7 <https://arxiv.org/abs/2207.02696>`_ takes its
    candidates from :func:`match_by_ratio`.

    Args:
        candidates: M pairs, whose targets do not matter.
        objects: of the batch.
        bboxes: (M, 4), what is predicted at each, xyxy in pixels.
        logits: (M, 1 + classes), of objectness and of each class there.
        top_k: IoUs that are added up.
        iou_weight: of IoU beside the classes.

    Returns:
        The chosen candidates, level by level, with their objects as targets.
    """
    logits = logits.float()
    log_scores = F.logsigmoid(logits[:, 1:]).add_(F.logsigmoid(logits[:, :1])).mul_(0.5)
    log_misses = torch.log(-torch.expm1(log_scores)).clamp_(min=-100)  # of a score of 1, as in PyTorch's cross entropy
    base = -log_misses.sum(1)
    by_class = log_misses - log_scores  # added to the base for the object's own class
    order = candidates.image.argsort(stable=True)
    columns, columns_target = bboxes[order].T, objects.bboxes.T
    starts = torch.bincount(candidates.image).cumsum(0).tolist()
    starts_target = torch.bincount(objects.image, minlength=len(starts)).cumsum(0).tolist()
    chosen, targets = [], []
    for image, (end, end_target) in enumerate(zip(starts, starts_target, strict=False)):
        begin, begin_target = (starts[image - 1], starts_target[image - 1]) if image else (0, 0)
        if begin == end:
            continue
        own, labels = order[begin:end], objects.labels[begin_target:end_target]
        iou = BoxPairs.from_columns(
            columns[:, None, begin:end], columns_target[:, begin_target:end_target, None], 1e-7
        ).iou
        cost = base[own] + by_class[own][:, labels].T - iou_weight * torch.log(iou + 1e-8)
        count = min(top_k, end - begin)
        wanted = iou.topk(count).values.sum(1).int().clamp(min=1)
        cheapest = cost.topk(int(wanted.max()), largest=False).indices
        takes = torch.zeros_like(cost, dtype=torch.bool)
        takes.scatter_(1, cheapest, torch.arange(cheapest.shape[1], device=cost.device) < wanted[:, None])
        several = takes.sum(0) > 1
        takes[:, several] = False
        takes[cost[:, several].argmin(0), several.nonzero()[:, 0]] = True
        target, candidate = takes.T.nonzero().flip(1).unbind(1)
        chosen.append(own[candidate])
        targets.append(target + begin_target)
    if not chosen:
        return candidates[candidates.image < 0]
    found = candidates[torch.cat(chosen)]
    found = Matches(*found.columns[:-1], torch.cat(targets))
    return found[found.level.argsort(stable=True)]
