import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.dist import get_world_size
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import ImplicitConv
from mmdet_trash.models.losses import bbox_iou_loss
from mmdet_trash.models.task_modules import Matches, Objects, match_by_ratio, match_by_simota
from mmdet_trash.registry import MODELS

ANCHORS = (
    ((12, 16), (19, 36), (40, 28)),
    ((36, 75), (76, 55), (72, 146)),
    ((142, 110), (192, 243), (459, 401)),
)
MATCHINGS = ("simota", "anchor_ratio")


@MODELS.register_module()
class YOLOv7Head(BaseDenseHead):
    """The head of `YOLOv7 <https://arxiv.org/abs/2207.02696>`_: a convolution a level, that predicts boxes by anchors.

    A cell's box has its centre at `(2 s(t_xy) - 0.5 + cell) * stride` and the sides `(2 s(t_wh))² * anchor`, where s is
    the sigmoid; its score of a class is `s(t_obj) s(t_cls)`. What objectness learns is the box's CIoU, 0 at least.
    Losses are summed over the images of a step, those of all processes, as the release has it, so that the learning
    rate does not follow the batch.

    Args:
        num_classes: how many.
        in_channels: of the neck's maps, from the finest.
        anchors: width and height in pixels, as many for each level; `tools/anchors.py` fits them to a dataset.
        strides: of the maps, in pixels.
        matching: `"simota"` or `"anchor_ratio"`, see :mod:`mmdet_trash.models.task_modules.yolo_matching`.
        ratio_thr: how many times larger or smaller than an anchor an object's sides may be.
        level_weights: of each level's objectness.
        img_size: side of the training images in pixels. With it, the weights of the losses of objectness and classes
            count for 640 px and 80 classes, and are scaled by `(img_size / 640)²` and `num_classes / 80`; without, they
            count as they stand.
        loss_bbox: box loss; any of the IoU family.
        loss_obj: loss of objectness, of a sigmoid.
        loss_cls: loss of classes, of a sigmoid each; left out for a single class.
        train_cfg: unused, as MMDetection gives it.
        test_cfg: `score_thr`, `nms_pre`, `nms`, `max_per_img`, and `multi_label`: whether a box counts for every class
            above the threshold, or for its best alone.
        init_cfg: as for any module of MMEngine.

    Raises:
        InputError: for an unknown matching, a ratio of 1 or less, a loss of a softmax, or anchors, strides, weights and
            channels of different numbers of levels.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        anchors: Sequence[Sequence[tuple[float, float]]] = ANCHORS,
        strides: Sequence[int] = (8, 16, 32),
        matching: str = "simota",
        ratio_thr: float = 4.0,
        level_weights: Sequence[float] = (4.0, 1.0, 0.4),
        img_size: int | None = None,
        loss_bbox: dict[str, Any] | None = None,
        loss_obj: dict[str, Any] | None = None,
        loss_cls: dict[str, Any] | None = None,
        train_cfg: dict[str, Any] | None = None,
        test_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if matching not in MATCHINGS:
            raise InputError(f"matching: {matching!r} is unknown, one of {', '.join(MATCHINGS)} is right")
        if not len(anchors) == len(in_channels) == len(strides) == len(level_weights):
            raise InputError(
                f"anchors are of {len(anchors)} levels, in_channels of {len(in_channels)}, strides of {len(strides)}, "
                f"level_weights of {len(level_weights)}; as many each is right"
            )
        if not ratio_thr > 1:
            raise InputError(f"ratio_thr: {ratio_thr} is given, above 1 is right")
        if len({np.shape(level) for level in anchors}) > 1 or np.shape(anchors[0])[1:] != (2,):
            raise InputError(f"anchors: {anchors} is given, as many pairs of width and height a level are right")
        self.num_classes, self.strides, self.test_cfg = num_classes, tuple(strides), test_cfg
        self.matching, self.ratio_thr, self.level_weights = matching, ratio_thr, tuple(level_weights)
        self.register_buffer("anchors", torch.tensor(anchors, dtype=torch.float32), persistent=False)
        self.num_anchors = self.anchors.shape[1]
        binary = {"type": "CrossEntropyLoss", "use_sigmoid": True}
        self.loss_bbox = MODELS.build(loss_bbox or {"type": "CIoULoss", "loss_weight": 0.05})
        self.loss_obj = MODELS.build(loss_obj or {**binary, "loss_weight": 0.7})
        self.loss_cls = MODELS.build(loss_cls or {**binary, "loss_weight": 0.3})
        for name in ("loss_obj", "loss_cls"):
            if not getattr(getattr(self, name), "use_sigmoid", True):
                raise InputError(f"{name}: is of a softmax, use_sigmoid=True is right")
        self.obj_gain = (img_size / 640) ** 2 if img_size else 1.0
        self.cls_gain = num_classes / 80 if img_size else 1.0
        self.convs = nn.ModuleList(
            ImplicitConv(channels, self.num_anchors * (5 + num_classes)) for channels in in_channels
        )

    def init_weights(self) -> None:
        """Begin with few objects: about eight a level in an image of 640 px, each of any class as likely."""
        for conv, stride in zip(self.convs, self.strides, strict=True):
            bias = conv.conv.bias.data.view(self.num_anchors, -1)
            bias[:, 4] += math.log(8 / (640 / stride) ** 2)
            bias[:, 5:] += math.log(0.6 / (self.num_classes - 0.99))
        super().init_weights()  # last: init_cfg may load them

    def forward(self, maps: Sequence[Tensor]) -> tuple[list[Tensor]]:
        """Turn the neck's maps into raw predictions, a level (N, anchors * (5 + classes), H, W)."""
        return ([conv(x) for conv, x in zip(self.convs, maps, strict=True)],)

    def by_anchor(self, pred_maps: Sequence[Tensor]) -> list[Tensor]:
        """View raw predictions a level as (N, anchors, H, W, 5 + classes): t_xy, t_wh, t_obj, t_cls."""
        return [x.unflatten(1, (self.num_anchors, -1)).permute(0, 1, 3, 4, 2) for x in pred_maps]

    def decode(self, pred_maps: Sequence[Tensor]) -> Tensor:
        """Turn raw predictions into (N, boxes, 5 + classes): xywh in pixels, objectness and class scores."""
        levels = []
        for raw, anchors, stride in zip(self.by_anchor(pred_maps), self.anchors, self.strides, strict=True):
            height, width = raw.shape[2:4]
            rows, columns = torch.arange(height, device=raw.device), torch.arange(width, device=raw.device)
            cells = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
            scores = raw.float().sigmoid()  # half precision has no half pixels above 1024
            xy = (2 * scores[..., :2] - 0.5 + cells) * stride
            wh = (2 * scores[..., 2:4]).square() * anchors[:, None, None]
            objectness, classes = scores[..., 4:5], scores[..., 5:]
            if self.num_classes == 1:  # which has learnt nothing
                classes = torch.ones_like(objectness)
            levels.append(torch.cat([xy, wh, objectness, classes], -1).flatten(1, 3))
        return torch.cat(levels, 1)

    def loss_by_feat(
        self,
        pred_maps: Sequence[Tensor],
        batch_gt_instances: Sequence[InstanceData],
        batch_img_metas: Sequence[dict],
        batch_gt_instances_ignore: Sequence[InstanceData] | None = None,
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            pred_maps: raw predictions of each level.
            batch_gt_instances: each image's `bboxes`, xyxy in pixels, and `labels`.
            batch_img_metas: unused.
            batch_gt_instances_ignore: unused, as in MMDetection's YOLO heads.

        Returns:
            `loss_bbox`, `loss_obj` and `loss_cls`.
        """
        objects = Objects.of_images(
            [instances.bboxes for instances in batch_gt_instances],
            [instances.labels for instances in batch_gt_instances],
        )
        levels = self.by_anchor(pred_maps)
        matches = self.match(levels, objects)
        raw, target = self._at(levels, matches), objects.bboxes[matches.target]
        pred = self._bboxes(raw, matches)
        counts = torch.bincount(matches.level, minlength=len(levels))
        weight = 1 / counts[matches.level]  # each level's mean, added up
        losses = {"loss_bbox": self.loss_bbox(pred, target, weight, reduction_override="sum")}
        quality = (1 - bbox_iou_loss(pred.detach(), target, "ciou")).clamp(min=0)
        parts = zip(levels, matches.of_levels(len(levels)), quality.split(counts.tolist()), strict=True)
        losses["loss_obj"] = self.obj_gain * sum(
            level_weight * self.loss_obj(level[..., 4], objectness_target(level, own, own_quality))
            for level_weight, (level, own, own_quality) in zip(self.level_weights, parts, strict=True)
        )
        if self.num_classes > 1:
            labels, weight = objects.labels[matches.target], weight * (self.cls_gain / self.num_classes)
            losses["loss_cls"] = self.loss_cls(raw[:, 5:], labels, weight, reduction_override="sum")
        images = len(batch_gt_instances) * get_world_size()
        return {name: value * images for name, value in losses.items()}

    @torch.no_grad()
    def match(self, levels: Sequence[Tensor], objects: Objects) -> Matches:
        """Which predictions learn which objects; `levels` as :meth:`by_anchor` gives them."""
        sizes = [level.shape[2:4] for level in levels]
        matches = match_by_ratio(objects, self.anchors, sizes, self.strides, self.ratio_thr)
        if self.matching == "anchor_ratio":
            return matches
        raw = self._at(levels, matches)
        return match_by_simota(matches, objects, self._bboxes(raw, matches), raw[:, 4:])

    def predict_by_feat(
        self,
        pred_maps: Sequence[Tensor],
        batch_img_metas: Sequence[dict],
        cfg: dict[str, Any] | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[InstanceData]:
        """Boxes of each image.

        Args:
            pred_maps: raw predictions of each level.
            batch_img_metas: each with `img_shape`, where boxes are cut, and `scale_factor`, if `rescale`.
            cfg: in place of `test_cfg`.
            rescale: whether boxes are in pixels of the original image.
            with_nms: whether they are suppressed.

        Returns:
            Each image's `bboxes`, xyxy, `scores` and `labels`.
        """
        cfg = self.test_cfg if cfg is None else cfg
        found = []
        limit = cfg.get("nms_pre", -1)
        for boxes, meta in zip(self.decode(pred_maps), batch_img_metas, strict=True):
            boxes = boxes[boxes[:, 4] > cfg["score_thr"]]
            scores = boxes[:, 5:] * boxes[:, 4:5]
            if not cfg.get("multi_label", True):
                scores = scores * F.one_hot(scores.argmax(1), self.num_classes)
            index, labels = (scores > cfg["score_thr"]).nonzero().unbind(1)
            scores = scores[index, labels]
            scores, best = scores.topk(min(limit, len(scores)) if limit > 0 else len(scores))
            bboxes = bbox_cxcywh_to_xyxy(boxes[index[best], :4])
            height, width = meta["img_shape"][:2]
            bboxes[:, 0::2].clamp_(0, width)
            bboxes[:, 1::2].clamp_(0, height)
            results = InstanceData(bboxes=bboxes, scores=scores, labels=labels[best])
            found.append(self._bbox_post_process(results, cfg, rescale, with_nms, meta))
        return found

    def _at(self, levels: Sequence[Tensor], matches: Matches) -> Tensor:
        """(M, 5 + classes), the raw predictions of M matches."""
        parts = zip(levels, matches.of_levels(len(levels)), strict=True)
        return torch.cat([level[own.image, own.anchor, own.y, own.x] for level, own in parts])

    def _bboxes(self, raw: Tensor, matches: Matches) -> Tensor:
        """(M, 4), xyxy in pixels, of their raw predictions."""
        stride = self.anchors.new_tensor(self.strides)[matches.level, None]
        t_xy, t_wh = raw[:, :2].float().sigmoid(), raw[:, 2:4].float().sigmoid()
        centre = (2 * t_xy - 0.5 + torch.stack([matches.x, matches.y], 1)) * stride
        half = (2 * t_wh).square() * self.anchors[matches.level, matches.anchor] / 2
        return torch.cat([centre - half, centre + half], 1)


def objectness_target(level: Tensor, matches: Matches, quality: Tensor) -> Tensor:
    """(N, anchors, H, W), what objectness learns: a match's quality (M,), the last where there are several, else 0."""
    target = torch.zeros_like(level[..., 4], dtype=quality.dtype, memory_format=torch.contiguous_format)
    anchors, height, width = target.shape[1:]
    place = ((matches.image * anchors + matches.anchor) * height + matches.y) * width + matches.x
    place, order = place.sort(stable=True)
    last = torch.ones_like(place, dtype=torch.bool)
    last[:-1] = place[1:] != place[:-1]
    target.view(-1)[place[last]] = quality[order[last]]
    return target
