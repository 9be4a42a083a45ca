from typing import Any

import numpy as np
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmengine.dataset import ConcatDataset
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.losses import effective_number_weights
from mmdet_trash.registry import HOOKS


@HOOKS.register_module()
class ClassBalanceHook(Hook):
    """Weight classes, in the loss of every head that tells them apart, by how few boxes the training data has of them.

    The counts are those of the dataset that is trained on, so that each fold has its own. Weights that a config states
    already, as DETR's of the background, are multiplied.

    Args:
        beta: see :func:`mmdet_trash.models.losses.effective_number_weights`.
    """

    def __init__(self, beta: float = 0.999) -> None:
        effective_number_weights([], beta)  # refuses a beta out of range
        self.beta = beta

    def before_train(self, runner: Runner) -> None:
        """Set `class_weight` of the losses.

        Raises:
            InputError: when a head's loss takes none, or no head has the data's classes.
        """
        dataset = runner.train_dataloader.dataset
        classes = dataset.metainfo["classes"]
        weights = effective_number_weights(count_boxes(dataset, len(classes)), self.beta)
        heads = [
            module
            for module in runner.model.modules()
            if isinstance(getattr(module, "loss_cls", None), nn.Module)
            and getattr(module, "num_classes", None) == len(classes)
        ]
        if not heads:
            raise InputError(f"ClassBalanceHook: no head has a loss_cls of the data's {len(classes)} classes")
        for head in heads:
            scale_class_weight(head, weights)
        shown = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(classes, weights, strict=True))
        print_log(f"class weights in {len(heads)} heads: {shown}", logger="current")


def count_boxes(dataset: Any, num_classes: int) -> np.ndarray:
    """Boxes of each class, (C,), crowds left out. What a wrapper repeats or mixes counts once."""
    if isinstance(dataset, ConcatDataset):
        return sum(count_boxes(part, num_classes) for part in dataset.datasets)
    if hasattr(dataset, "dataset"):
        return count_boxes(dataset.dataset, num_classes)
    labels = [
        instance["bbox_label"]
        for index in range(len(dataset))
        for instance in dataset.get_data_info(index)["instances"]
        if not instance["ignore_flag"]
    ]
    return np.bincount(np.asarray(labels, dtype=np.int64), minlength=num_classes)


def scale_class_weight(head: nn.Module, weights: np.ndarray) -> None:
    """Multiply the `class_weight` of a head's `loss_cls`.

    MMDetection's cross entropy of sigmoids takes it for positives alone.

    Args:
        head: its channels are the classes, and last the background where it is a RoI head or has a softmax.
        weights: (C,); the background keeps its own.

    Raises:
        InputError: when the loss takes none.
    """
    loss = head.loss_cls
    if not hasattr(loss, "class_weight"):
        names = f"{type(loss).__name__} of {type(head).__name__}"
        raise InputError(f"ClassBalanceHook: {names} takes no class_weight; CrossEntropyLoss and FocalLoss do")
    factors = np.ones(len(weights) + (isinstance(head, BBoxHead) or not loss.use_sigmoid))
    if loss.class_weight is not None:
        stated = np.asarray(loss.class_weight, dtype=np.float64)[: len(factors)]
        factors[: len(stated)] = stated
    factors[: len(weights)] *= weights
    loss.class_weight = factors.tolist()
