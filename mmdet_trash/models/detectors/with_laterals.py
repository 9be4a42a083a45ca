"""MMDetection's detectors, whose heads may read the neck's laterals."""

from typing import Any

from mmdet.models import detectors
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import Pyramid
from mmdet_trash.registry import MODELS


class WithLaterals(nn.Module):
    """Mixin for a detector: hands its head the neck's laterals in training, if the head supervises them.

    A head asks by its `consistent_supervision`; otherwise, and outside training, nothing differs.

    Raises:
        InputError: when the head asks and the neck has no `forward_with_laterals`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        head = self.roi_head if hasattr(self, "roi_head") else self.bbox_head
        self.supervises_laterals = getattr(head, "consistent_supervision", None) is not None
        neck = getattr(self, "neck", None)
        if self.supervises_laterals and not hasattr(neck, "forward_with_laterals"):
            raise InputError(
                f"consistent_supervision: neck {type(neck).__name__} has no forward_with_laterals, AugFPN has; "
                "with pool_ratios=() it is an FPN"
            )

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Turn images (N, 3, H, W) into the neck's pyramid, in training with its laterals if the head asks."""
        if self.training and self.supervises_laterals:
            # Not a call of the neck itself: hooks on it do not see this one.
            return Pyramid.of(*self.neck.forward_with_laterals(self.backbone(batch_inputs)))
        return super().extract_feat(batch_inputs)


@MODELS.register_module()
class FasterRCNN(WithLaterals, detectors.FasterRCNN):
    """MMDetection's `FasterRCNN`; its head may supervise the laterals."""


@MODELS.register_module()
class MaskRCNN(WithLaterals, detectors.MaskRCNN):
    """MMDetection's `MaskRCNN`; its head may supervise the laterals."""


@MODELS.register_module()
class CascadeRCNN(WithLaterals, detectors.CascadeRCNN):
    """MMDetection's `CascadeRCNN`; its head may supervise the laterals."""


@MODELS.register_module()
class RetinaNet(WithLaterals, detectors.RetinaNet):
    """MMDetection's `RetinaNet`; its head may supervise the laterals."""


@MODELS.register_module()
class FCOS(WithLaterals, detectors.FCOS):
    """MMDetection's `FCOS`; its head may supervise the laterals."""


@MODELS.register_module()
class ATSS(WithLaterals, detectors.ATSS):
    """MMDetection's `ATSS`; its head may supervise the laterals."""
