import copy
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from mmdet_trash.errors import InputError
from mmdet_trash.registry import HOOKS


@HOOKS.register_module()
class SelfAdversarialHook(Hook):
    """Self-adversarial training: the detector first changes an image to hide its objects, then trains on that image.

    `YOLOv4 <https://arxiv.org/abs/2004.10934>`_ names it and gives no figures; the change is one step along the sign of
    the loss's gradient (`FGSM <https://arxiv.org/abs/1412.6572>`_, equation in section 4). The first pass changes no
    weight and no running mean of a batch norm; the second is the ordinary step, on the changed images with the
    annotations as they are. A step costs a second pass. Any detector that has a `loss` takes it.

    Args:
        prob: share of the steps that are made on changed images.
        epsilon: most that a pixel changes, in levels of 0 to 255.

    Raises:
        InputError: when one is out of range.
    """

    def __init__(self, prob: float = 0.5, epsilon: float = 4.0) -> None:
        if not 0 <= prob <= 1 or not epsilon > 0:
            raise InputError(f"SelfAdversarialHook: prob {prob} or epsilon {epsilon} is out of range")
        self.prob, self.epsilon = prob, epsilon

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None) -> None:
        if data_batch is not None and self._due(runner):
            with runner.optim_wrapper.optim_context(runner.model):
                data_batch["inputs"] = adversarial(runner.model, data_batch, self.epsilon)

    def _due(self, runner: Runner) -> bool:
        """The same for every process and for a resumed run."""
        return np.random.default_rng([runner.seed, runner.iter]).random() < self.prob


def adversarial(model: torch.nn.Module, data_batch: dict[str, Any], epsilon: float) -> list[Tensor]:
    """Images that a detector does worse on.

    Args:
        model: the detector, wrapped or not, in training mode. Neither its weights nor its buffers change.
        data_batch: `inputs`, (3, H, W) images or one (N, 3, H, W) of them, and `data_samples`. Not changed.
        epsilon: most that a pixel changes.

    Returns:
        N float images (3, H, W), each within 0 to 255, on the model's device.
    """
    model = model.module if is_model_wrapper(model) else model
    device = next(model.parameters()).device
    inputs = [image.detach().to(device, torch.float32, copy=True).requires_grad_() for image in data_batch["inputs"]]
    samples = copy.deepcopy(data_batch["data_samples"])  # the preprocessor and some losses write to them
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    try:
        # With respect to the images alone: no weight's gradient is touched, and no other process is waited for.
        for weight in trained:
            weight.requires_grad_(False)
        data = model.data_preprocessor({"inputs": inputs, "data_samples": samples}, True)
        loss, _ = model.parse_losses(model(**data, mode="loss"))
        loss.backward()
    finally:
        for weight in trained:
            weight.requires_grad_(True)
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    return [(image.detach() + epsilon * image.grad.sign()).clamp(0, 255) for image in inputs]
