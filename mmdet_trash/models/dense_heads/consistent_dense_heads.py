"""One-stage heads whose own detections supervise the neck's laterals."""

from typing import Any

from mmdet.models import dense_heads
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from mmengine.config import ConfigDict
from torch import Tensor

from mmdet_trash.models.roi_heads.consistent_supervision import ConsistentSupervision, SupervisesLaterals, merge_cfg
from mmdet_trash.registry import MODELS, TASK_UTILS

DEFAULTS = {
    "roi_layer": {"type": "RoIAlign", "output_size": 7, "sampling_ratio": 0},
    "bbox_head": {
        "type": "Shared2FCBBoxHead",
        "fc_out_channels": 1024,
        "roi_feat_size": 7,
        "bbox_coder": {
            "type": "DeltaXYWHBBoxCoder",
            "target_means": [0.0, 0.0, 0.0, 0.0],
            "target_stds": [0.1, 0.1, 0.2, 0.2],
        },
        "reg_class_agnostic": False,
        "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": False, "loss_weight": 1.0},
        "loss_bbox": {"type": "L1Loss", "loss_weight": 1.0},
    },
    "proposal": {
        "nms_pre": 1000,
        "score_thr": 0.0,
        "min_bbox_size": 0,
        "nms": {"type": "nms", "iou_threshold": 0.7, "class_agnostic": True},
        "max_per_img": 1000,
    },
    "assigner": {
        "type": "MaxIoUAssigner",
        "pos_iou_thr": 0.5,
        "neg_iou_thr": 0.5,
        "min_pos_iou": 0.5,
        "match_low_quality": False,
        "ignore_iof_thr": -1,
    },
    "sampler": {
        "type": "RandomSampler",
        "num": 512,
        "pos_fraction": 0.25,
        "neg_pos_ub": -1,
        "add_gt_as_proposals": True,
    },
}
"""Those of Faster R-CNN's head, which the paper's one-stage detectors borrow."""


class ConsistentDenseHead(SupervisesLaterals):
    """Mixin for a one-stage head: its own detections are the RoIs of :class:`ConsistentSupervision`.

    Args:
        consistent_supervision: `dict()`, or what differs from this module's defaults: `bbox_head`, `roi_layer`,
            `loss_weight`, and for the RoIs `proposal` (as a `test_cfg`), `assigner` and `sampler`. It wants a neck with
            `forward_with_laterals`.
        **kwargs: as for the head itself.
    """

    def __init__(self, *args: Any, consistent_supervision: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if consistent_supervision is None:
            self.consistent_supervision = None
            return
        own = {
            "out_channels": self.in_channels,
            "featmap_strides": [max(stride) for stride in self.prior_generator.strides],
            "bbox_head": {"in_channels": self.in_channels, "num_classes": self.num_classes},
        }
        cfg = merge_cfg(merge_cfg(DEFAULTS, own), consistent_supervision)
        self.proposal_cfg = ConfigDict(cfg.pop("proposal"))
        self.lateral_cfg = ConfigDict(assigner=cfg.pop("assigner"), sampler=cfg.pop("sampler"), pos_weight=-1)
        self.lateral_assigner = TASK_UTILS.build(self.lateral_cfg.assigner)
        self.lateral_sampler = TASK_UTILS.build(self.lateral_cfg.sampler, default_args={"context": self})
        self.consistent_supervision = ConsistentSupervision(**cfg)

    def loss(self, x: tuple[Tensor, ...], batch_data_samples: SampleList) -> dict[str, Any]:
        """Losses of the head, as MMDetection's, and of the laterals from what the head detects."""
        if self.consistent_supervision is None or not self.training:
            return super().loss(x, batch_data_samples)
        losses, proposals = self.loss_and_predict(x, batch_data_samples, self.proposal_cfg)
        losses.update(self._lateral_losses(x, self._sample(proposals, batch_data_samples), self.lateral_cfg))
        return losses

    def _sample(self, proposals: InstanceList, batch_data_samples: SampleList) -> list[SamplingResult]:
        """Assign each image's proposals to its objects and draw some."""
        results = []
        for found, truth, ignored in zip(proposals, *unpack_gt_instances(batch_data_samples)[:2], strict=True):
            found.priors = found.pop("bboxes")
            assigned = self.lateral_assigner.assign(found, truth, ignored)
            results.append(self.lateral_sampler.sample(assigned, found, truth))
        return results


@MODELS.register_module()
class RetinaHead(ConsistentDenseHead, dense_heads.RetinaHead):
    """MMDetection's `RetinaHead`, with consistent supervision if asked: see :class:`ConsistentDenseHead`."""


@MODELS.register_module()
class FCOSHead(ConsistentDenseHead, dense_heads.FCOSHead):
    """MMDetection's `FCOSHead`, with consistent supervision if asked: see :class:`ConsistentDenseHead`."""

    def predict_by_feat(
        self, cls_scores: list[Tensor], bbox_preds: list[Tensor], *args: Any, **kwargs: Any
    ) -> InstanceList:
        """Turn outputs into boxes, for the laterals in training too, where normalised distances are in strides."""
        if self.training and self.norm_on_bbox and self.consistent_supervision is not None:
            bbox_preds = [pred * stride for pred, stride in zip(bbox_preds, self.strides, strict=True)]
        return super().predict_by_feat(cls_scores, bbox_preds, *args, **kwargs)


@MODELS.register_module()
class ATSSHead(ConsistentDenseHead, dense_heads.ATSSHead):
    """MMDetection's `ATSSHead`, with consistent supervision if asked: see :class:`ConsistentDenseHead`."""
