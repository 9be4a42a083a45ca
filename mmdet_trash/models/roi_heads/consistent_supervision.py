import copy
from collections.abc import Mapping, Sequence
from typing import Any

from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.structures.bbox import bbox2roi
from mmengine.config import Config
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import Pyramid
from mmdet_trash.registry import MODELS


class ConsistentSupervision(BaseModule):
    """An auxiliary box head that learns from every lateral of the neck, in training only.

    From `AugFPN <https://arxiv.org/abs/1912.05384>`_, section 3.1: the laterals meet in the top-down path although
    nothing has made them mean alike. Here the RoIs that the main head learns from are pooled from each lateral in
    turn, and one box head, shared by the levels and apart from the main one, classifies and regresses them. Its losses
    are summed over the levels.

    Args:
        bbox_head: config of the auxiliary head.
        roi_layer: operator of mmcv and its arguments, as in a RoI extractor.
        out_channels: of the laterals.
        featmap_strides: stride in pixels of the laterals, from the finest; there may be more strides than laterals.
        loss_weight: of each level's losses, beside those of the main head.
    """

    def __init__(
        self,
        bbox_head: dict[str, Any],
        roi_layer: dict[str, Any],
        out_channels: int,
        featmap_strides: Sequence[int],
        loss_weight: float = 0.25,
    ) -> None:
        super().__init__()
        self.bbox_head = MODELS.build(bbox_head)
        self.roi_extractors = nn.ModuleList(
            SingleRoIExtractor(roi_layer, out_channels, [stride]) for stride in featmap_strides
        )
        self.loss_weight = loss_weight

    def loss(
        self, laterals: Sequence[Tensor], sampling_results: list[SamplingResult], train_cfg: Any
    ) -> dict[str, Tensor]:
        """Learn the sampled RoIs from each lateral.

        Args:
            laterals: (N, C, H, W) each, from the finest.
            sampling_results: of each image, as the main head has them.
            train_cfg: of the main head, for the targets.

        Returns:
            `lateral0.loss_cls`, `lateral0.loss_bbox` and `lateral0.acc` for the finest level, and so on.
        """
        if len(laterals) > len(self.roi_extractors):
            raise InputError(
                f"consistent_supervision: the neck gives {len(laterals)} laterals, "
                f"featmap_strides has {len(self.roi_extractors)}"
            )
        rois = bbox2roi([result.priors for result in sampling_results])
        targets = self.bbox_head.get_targets(sampling_results, train_cfg)
        losses = {}
        for level, (lateral, extract) in enumerate(zip(laterals, self.roi_extractors, strict=False)):
            cls_score, bbox_pred = self.bbox_head(extract([lateral], rois))
            found = self.bbox_head.loss(cls_score, bbox_pred, rois, *targets)
            if not len(rois):
                # It then says nothing of classes, and several processes must agree on names and gradients.
                found.setdefault("loss_cls", cls_score.sum())
            for name, value in found.items():
                losses[f"lateral{level}.{name}"] = value * self.loss_weight if "loss" in name else value
        return losses


def merge_cfg(defaults: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change a nested config in some of its values, as a config changes its base's: `_delete_` works too."""
    cfg = Config(copy.deepcopy(dict(defaults)))
    cfg.merge_from_dict(copy.deepcopy(dict(changes)))
    return cfg.to_dict()


class SupervisesLaterals(nn.Module):
    """Mixin for a head that may hold a :class:`ConsistentSupervision`, under the name `consistent_supervision`.

    Weights of a model with it load into one without it, and the other way round.
    """

    consistent_supervision: ConsistentSupervision | None

    def _lateral_losses(self, x: Sequence[Tensor], *args: Any) -> dict[str, Tensor]:
        """Losses of the laterals that came with the pyramid; none outside training."""
        if self.consistent_supervision is None or not self.training:
            return {}
        if not isinstance(x, Pyramid):
            raise InputError(
                "consistent_supervision: the detector hands no laterals to its head; mmdet_trash's FasterRCNN, "
                "MaskRCNN, CascadeRCNN, RetinaNet, FCOS and ATSS do"
            )
        return self.consistent_supervision.loss(x.laterals, *args)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        prefix_here = f"{prefix}consistent_supervision."
        saved = [key for key in state_dict if key.startswith(prefix_here)]
        if self.consistent_supervision is None:
            for key in saved:
                del state_dict[key]
        elif not saved:
            own = self.consistent_supervision.state_dict()
            state_dict.update({prefix_here + key: value for key, value in own.items()})
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
