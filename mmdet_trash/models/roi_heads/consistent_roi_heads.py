"""RoI heads whose sampled RoIs supervise the neck's laterals."""

from typing import Any

from mmdet.models import roi_heads
from mmdet.models.task_modules.samplers import SamplingResult
from torch import Tensor

from mmdet_trash.models.roi_heads.consistent_supervision import ConsistentSupervision, SupervisesLaterals, merge_cfg
from mmdet_trash.registry import MODELS


class ConsistentRoIHead(SupervisesLaterals):
    """Mixin for a RoI head: its sampled RoIs are those of :class:`ConsistentSupervision`.

    Args:
        consistent_supervision: `dict()`, or what differs from the main head, the first of several: `bbox_head`,
            `roi_layer`, `featmap_strides`, `loss_weight`. It wants a neck with `forward_with_laterals`.
        **kwargs: as for the head itself.
    """

    def __init__(self, consistent_supervision: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.consistent_supervision = None
        if consistent_supervision is not None:
            head, extractor = (_first(kwargs[name]) for name in ("bbox_head", "bbox_roi_extractor"))
            like_main = {name: extractor[name] for name in ("roi_layer", "out_channels", "featmap_strides")}
            cfg = merge_cfg({**like_main, "bbox_head": head}, consistent_supervision)
            self.consistent_supervision = ConsistentSupervision(**cfg)


@MODELS.register_module()
class StandardRoIHead(ConsistentRoIHead, roi_heads.StandardRoIHead):
    """MMDetection's `StandardRoIHead`, with consistent supervision if asked: see :class:`ConsistentRoIHead`."""

    def bbox_loss(self, x: tuple[Tensor, ...], sampling_results: list[SamplingResult]) -> dict[str, Any]:
        """Losses of the box head, as MMDetection's, and of the laterals from the same RoIs."""
        results = super().bbox_loss(x, sampling_results)
        results["loss_bbox"].update(self._lateral_losses(x, sampling_results, self.train_cfg))
        return results


@MODELS.register_module()
class CascadeRoIHead(ConsistentRoIHead, roi_heads.CascadeRoIHead):
    """MMDetection's `CascadeRoIHead`, with consistent supervision if asked: see :class:`ConsistentRoIHead`.

    The first stage's RoIs supervise the laterals. They are what the paper's single head sees: the proposal network's
    boxes, positive from IoU 0.5, of every quality. A later stage's are boxes that the main heads have already refined,
    fewer and alike, and regressing them is a task that the laterals never serve; to supervise by every stage would
    count the same objects three times.
    """

    def bbox_loss(self, stage: int, x: tuple[Tensor, ...], sampling_results: list[SamplingResult]) -> dict[str, Any]:
        """Losses of a stage's box head, as MMDetection's, and in the first stage of the laterals."""
        results = super().bbox_loss(stage, x, sampling_results)
        if stage == 0:
            results["loss_bbox"].update(self._lateral_losses(x, sampling_results, self.train_cfg[0]))
        return results


def _first(cfg: Any) -> dict[str, Any]:
    return cfg[0] if isinstance(cfg, list) else cfg
