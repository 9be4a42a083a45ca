from typing import Any

from mmdet.models import roi_heads
from mmdet.models.task_modules.samplers import SamplingResult
from torch import Tensor

from mmdet_trash.models.roi_heads.consistent_supervision import SupervisesLaterals
from mmdet_trash.models.roi_heads.standard_roi_head import build_for_rois
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class CascadeRoIHead(SupervisesLaterals, roi_heads.CascadeRoIHead):
    """MMDetection's `CascadeRoIHead`, with consistent supervision of the neck's laterals if asked.

    The first stage's RoIs supervise the laterals. They are what the paper's single head sees: the proposal network's
    boxes, positive from IoU 0.5, of every quality. A later stage's are boxes that the main heads have already refined,
    fewer and alike, and regressing them is a task that the laterals never serve; to supervise by every stage would
    count the same objects three times.

    Args:
        consistent_supervision: as in :class:`~mmdet_trash.models.roi_heads.StandardRoIHead`; by default like the first
            stage's head.
        **kwargs: as for MMDetection's `CascadeRoIHead`.
    """

    def __init__(self, consistent_supervision: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.consistent_supervision = build_for_rois(
            consistent_supervision, kwargs["bbox_head"], kwargs["bbox_roi_extractor"]
        )

    def bbox_loss(self, stage: int, x: tuple[Tensor, ...], sampling_results: list[SamplingResult]) -> dict[str, Any]:
        """Losses of a stage's box head, as MMDetection's, and in the first stage of the laterals."""
        results = super().bbox_loss(stage, x, sampling_results)
        if stage == 0:
            results["loss_bbox"].update(self._lateral_losses(x, sampling_results, self.train_cfg[0]))
        return results
