import torch
from torch import Tensor

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import BoxPairs
from mmdet_trash.models.losses.iou_losses import BBoxIoULoss
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class WIoULoss(BBoxIoULoss):
    """`Wise-IoU <https://arxiv.org/abs/2301.10051>`_: `r exp(ρ²/c²) (1 - IoU)`, c and r without gradient.

    r is 1 in version 1. In the others it depends on how far a box is out of the ordinary, β: its `1 - IoU` as a share
    of their running mean. Version 2 has `r = β^γ`, so that far-out boxes count more; version 3 has
    `r = β / (δ α^(β-δ))`, so that the ordinary count most. The mean is kept with the weights, and each of several
    processes keeps its own.

    Args:
        eps: the floor, in pixels, of lengths that are divided by; areas and squared lengths have its square.
        reduction: `"none"`, `"mean"` or `"sum"`.
        loss_weight: factor of the loss.
        version: 1, 2 or 3.
        gamma: of version 2.
        alpha: of version 3.
        delta: of version 3: the β at which r is 1.
        momentum: of the running mean; the paper has `1 - 0.05^(1/n)` for n calls until it has settled.

    Raises:
        InputError: for another version.
    """

    kind = "wiou"

    def __init__(
        self,
        eps: float = 1e-6,
        reduction: str = "mean",
        loss_weight: float = 1.0,
        version: int = 3,
        gamma: float = 0.5,
        alpha: float = 1.9,
        delta: float = 3.0,
        momentum: float = 4e-4,
    ) -> None:
        super().__init__(eps, reduction, loss_weight)
        if version not in (1, 2, 3):
            raise InputError(f"version: {version!r} is given, 1, 2 or 3 is right")
        self.version, self.gamma, self.alpha, self.delta, self.momentum = version, gamma, alpha, delta, momentum
        if version > 1:
            self.register_buffer("mean_loss", torch.ones(()))

    def loss_of_pairs(self, pairs: BoxPairs, weight: Tensor | None = None) -> Tensor:
        """(N,) of N pairs; in training, what weighs more than 0 moves the running mean."""
        loss = super().loss_of_pairs(pairs)
        if self.version == 1:
            return loss
        iou_loss = (1 - pairs.iou.detach()).clamp(min=0)
        if self.training:
            self._move_mean(iou_loss, torch.ones_like(iou_loss) if weight is None else weight.detach().to(iou_loss))
        beta = iou_loss / self.mean_loss.clamp(min=self.eps)
        if self.version == 2:
            return beta.pow(self.gamma) * loss
        return beta / (self.delta * self.alpha ** (beta - self.delta)) * loss

    def _move_mean(self, iou_loss: Tensor, weight: Tensor) -> None:
        """Leave out what has no weight or is no number: one bad batch would stay in the mean for ever."""
        counted = (weight > 0) & iou_loss.isfinite()
        total = torch.where(counted, weight, 0).sum()
        mean = torch.where(counted, iou_loss * weight, 0).sum() / total
        moved = self.mean_loss.lerp(mean.to(self.mean_loss), self.momentum)
        self.mean_loss.copy_(torch.where(total > 0, moved, self.mean_loss))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, version={self.version}"
