from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models import losses
from mmdet.models.losses.utils import weight_reduce_loss
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class CrossEntropyLoss(losses.CrossEntropyLoss):
    """MMDetection's cross entropy, with label smoothing.

    `Label smoothing <https://arxiv.org/abs/1512.00567>`_, section 7: a share of each label is spread over all outputs
    of a softmax, or half and half over the two answers of a sigmoid.

    Args:
        *args: as for MMDetection's.
        label_smoothing: the share that is spread, 0 or more and below 1.
        **kwargs: as for MMDetection's.

    Raises:
        InputError: for a share out of range, or smoothing of masks or of labels to ignore.
    """

    def __init__(self, *args: Any, label_smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise InputError(f"label_smoothing: {label_smoothing} is given, 0 or more and below 1 is right")
        if label_smoothing and (self.use_mask or self.ignore_index is not None or self.avg_non_ignore):
            raise InputError("label_smoothing: use_mask, ignore_index and avg_non_ignore do not go with it")
        self.label_smoothing = label_smoothing

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
        ignore_index: int | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Loss of a batch; without smoothing, whatever MMDetection's takes.

        Args:
            cls_score: (N, C) logits; the last channel of a softmax is the background.
            label: (N,), where C is the background of sigmoids, or (N, C) shares.
            weight: (N,) or, for sigmoids, (N, C).
            avg_factor: what the sum is divided by.
            reduction_override: in place of the module's own.
            ignore_index: a label to leave out.
            **kwargs: as for MMDetection's.

        Returns:
            A number; without a reduction (N,), or (N, C) for sigmoids.

        Raises:
            InputError: for smoothing of other than (N, C) logits, or of labels to ignore.
        """
        if self.label_smoothing:
            if cls_score.ndim != 2 or ignore_index is not None:
                raise InputError("label_smoothing: logits (N, C) without an ignore_index are right")
            label = self._smooth(cls_score, label)
            if self.use_sigmoid and weight is not None and weight.ndim == 1:
                weight = weight[:, None]
        return super().forward(cls_score, label, weight, avg_factor, reduction_override, ignore_index, **kwargs)

    def _smooth(self, cls_score: Tensor, label: Tensor) -> Tensor:
        channels = cls_score.shape[1]
        if label.ndim == 1:
            label = F.one_hot(label, channels + 1)[:, :channels]
        even = 1 / 2 if self.use_sigmoid else 1 / channels
        return torch.lerp(label.to(cls_score), cls_score.new_tensor(even), self.label_smoothing)


@MODELS.register_module()
class FocalLoss(losses.FocalLoss):
    """MMDetection's focal loss, also of a softmax, as the heads of RoIs have it, and with weights of classes.

    `Focal loss <https://arxiv.org/abs/1708.02002>`_, equation 5: `-α (1 - p)^γ log p` of the true class's p.

    Args:
        use_sigmoid: each class a sigmoid, as in one-stage heads, or all classes and the background one softmax.
        gamma: how much less what is already right counts.
        alpha: weight of what is an object, and of a class's own boxes among sigmoids; `1 - alpha` is that of the rest.
        class_weight: (C,) or (C + 1,), further weights of the boxes of each class, and of the background if given.
        **kwargs: as for MMDetection's.

    Raises:
        InputError: for a softmax of what is activated already.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float = 0.25,
        class_weight: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(gamma=gamma, alpha=alpha, **kwargs)
        if self.activated and not use_sigmoid:
            raise InputError("activated: goes with use_sigmoid=True")
        self.use_sigmoid, self.class_weight = use_sigmoid, class_weight

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Loss of a batch.

        Args:
            pred: logits, (N, C) of sigmoids or (N, C + 1) of a softmax, whose last channel is the background.
            target: (N,) labels, of which C is the background; for sigmoids without weights of classes also (N, C).
            weight: (N,), or as MMDetection's takes it.
            avg_factor: what the sum is divided by.
            reduction_override: in place of the module's own.

        Returns:
            A number; without a reduction (N,), or (N, C) for sigmoids.

        Raises:
            InputError: for weights of classes, or a softmax, with labels that are one-hot.
        """
        if target.ndim != 1 and (self.class_weight is not None or not self.use_sigmoid):
            raise InputError(f"target: {tuple(target.shape)} is given, labels (N,) are right")
        if self.class_weight is not None:
            of_class = F.pad(pred.new_tensor(self.class_weight), (0, 1), value=1.0)[target]
            if weight is None:
                weight = of_class
            else:  # of samples, or of each class too, flat or not
                weight = (weight.reshape(len(target), -1) * of_class[:, None]).reshape(weight.shape)
        if self.use_sigmoid:
            return super().forward(pred, target, weight, avg_factor, reduction_override)
        log_p = pred.log_softmax(1).gather(1, target[:, None]).squeeze(1)
        background = (target == pred.shape[1] - 1).to(pred)
        alpha = self.alpha + (1 - 2 * self.alpha) * background
        loss = -alpha * (1 - log_p.exp()).clamp(min=1e-6).pow(self.gamma) * log_p
        return self.loss_weight * weight_reduce_loss(loss, weight, reduction_override or self.reduction, avg_factor)
