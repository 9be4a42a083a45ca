import copy
from typing import Any

from mmdet.models import roi_heads
from mmdet.models.task_modules.samplers import SamplingResult
from torch import Tensor

from mmdet_trash.models.roi_heads.consistent_supervision import ConsistentSupervision, SupervisesLaterals
from mmdet_trash.registry import MODELS


def build_for_rois(
    cfg: dict[str, Any] | None, bbox_head: dict[str, Any] | list, bbox_roi_extractor: dict[str, Any] | list
) -> ConsistentSupervision | None:
    """Build consistent supervision like the main head, the first of several, unless `cfg` says otherwise."""
    if cfg is None:
        return None
    head, extractor = (first[0] if isinstance(first, list) else first for first in (bbox_head, bbox_roi_extractor))
    like_main = {
        "roi_layer": extractor["roi_layer"],
        "featmap_strides": extractor["featmap_strides"],
        **cfg,
        "bbox_head": {**head, **cfg.get("bbox_head", {})},
    }
    return ConsistentSupervision(**copy.deepcopy(like_main))


@MODELS.register_module()
class StandardRoIHead(SupervisesLaterals, roi_heads.StandardRoIHead):
    """MMDetection's `StandardRoIHead`, with consistent supervision of the neck's laterals if asked.

    Args:
        consistent_supervision: `dict()`, or arguments of
            :class:`~mmdet_trash.models.roi_heads.ConsistentSupervision` that differ from the main head's, as
            `dict(loss_weight=0.5)`. It wants a neck with `forward_with_laterals`.
        **kwargs: as for MMDetection's `StandardRoIHead`.
    """

    def __init__(self, consistent_supervision: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.consistent_supervision = build_for_rois(
            consistent_supervision, kwargs["bbox_head"], kwargs["bbox_roi_extractor"]
        )

    def bbox_loss(self, x: tuple[Tensor, ...], sampling_results: list[SamplingResult]) -> dict[str, Any]:
        """Losses of the box head, as MMDetection's, and of the laterals from the same RoIs."""
        results = super().bbox_loss(x, sampling_results)
        results["loss_bbox"].update(self._lateral_losses(x, sampling_results, self.train_cfg))
        return results
