from mmdet.models import losses
from mmdet.models.losses.utils import weight_reduce_loss
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.registry import MODELS


@MODELS.register_module()
class IoUVarifocalLoss(losses.QualityFocalLoss):
    """Varifocal loss of labels and of the IoUs of their boxes, which DETR's heads give to a quality focal loss.

    `VarifocalNet <https://arxiv.org/abs/2008.13367>`_, equation 2: of score p and IoU q, an object's class costs
    `-q (q log p + (1 - q) log(1 - p))`, any other `-alpha p^gamma log(1 - p)`. As in the release of `RT-DETR
    <https://arxiv.org/abs/2304.08069>`_, an object without overlap costs nothing, and `p^gamma` has no gradient.

    Args:
        alpha: weight of what is no object.
        gamma: how much less what is already right counts, of that.
        reduction: `"none"`, `"mean"` or `"sum"`.
        loss_weight: of the whole.
    """

    def __init__(
        self, alpha: float = 0.75, gamma: float = 2.0, reduction: str = "mean", loss_weight: float = 1.0
    ) -> None:
        super().__init__(reduction=reduction, loss_weight=loss_weight)
        self.alpha, self.gamma = alpha, gamma

    def forward(
        self,
        pred: Tensor,
        target: tuple[Tensor, Tensor],
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Loss of a batch.

        Args:
            pred: (N, C) logits.
            target: (N,) labels, of which C is the background, and (N,) IoUs.
            weight: (N,).
            avg_factor: what the sum is divided by.
            reduction_override: in place of the module's own.

        Returns:
            A number; without a reduction (N,).
        """
        labels, ious = target
        objects = F.one_hot(labels, pred.shape[1] + 1)[:, :-1].to(pred)
        quality = objects * ious[:, None].to(pred)
        focus = self.alpha * pred.detach().sigmoid().pow(self.gamma) * (1 - objects) + quality
        loss = F.binary_cross_entropy_with_logits(pred, quality, weight=focus, reduction="none").sum(1)
        return self.loss_weight * weight_reduce_loss(loss, weight, reduction_override or self.reduction, avg_factor)
