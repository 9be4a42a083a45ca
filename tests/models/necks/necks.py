"""Inputs of tiny necks, and MMDetection's necks with weights that differ from their initial ones."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

IN_CHANNELS = [3, 4, 5, 6]


def backbone_maps(
    height: int = 37, width: int = 53, batch: int = 2, channels: Sequence[int] = IN_CHANNELS, seed: int = 0
) -> list[Tensor]:
    """Maps of strides 4 to 32 as a ResNet gives them for an image of that size: each half of the last, rounded up."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [(-(-height // stride), -(-width // stride)) for stride in (4, 8, 16, 32)]
    return [torch.randn(batch, count, *size, generator=generator) for count, size in zip(channels, sizes, strict=True)]


def with_random_weights(neck: nn.Module, seed: int = 0) -> nn.Module:
    """Draw every parameter anew: biases are no longer zero, scales no longer one."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in neck.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    return neck


def outs_and_gradients(neck: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
    """What a neck gives, then the gradients of a sum of it that weighs every number differently, then its buffers.

    The gradients of inputs that it does not read are left out.
    """
    leaves = [feature.clone().requires_grad_() for feature in inputs]
    outs = neck(leaves)
    sum((out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum() for out in outs).backward()
    grads = [leaf.grad for leaf in leaves if leaf.grad is not None]
    return [*(out.detach() for out in outs), *grads, *neck.buffers()]


def equal(found: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """Whether all are the same, bit for bit."""
    return len(found) == len(expected) and all(map(torch.equal, found, expected))


OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_outs": 4},
    {"num_outs": 7},
    {"start_level": 1},
    {"start_level": 2, "num_outs": 2},
    {"start_level": 1, "end_level": 2, "num_outs": 2},
    {"end_level": 2, "num_outs": 3},
    {"end_level": 3, "num_outs": 6},
    {"start_level": 3, "end_level": 3, "num_outs": 1},
    {"num_outs": 4, "add_extra_convs": True},
    *(
        {"start_level": 1, "num_outs": 6, "add_extra_convs": source, "relu_before_extra_convs": relu}
        for source in (True, "on_input", "on_lateral", "on_output")
        for relu in (False, True)
    ),
    {"norm_cfg": {"type": "BN"}, "act_cfg": {"type": "ReLU"}},
    {"norm_cfg": {"type": "BN"}, "no_norm_on_lateral": True},
    {"conv_cfg": {"type": "ConvWS"}, "act_cfg": {"type": "LeakyReLU"}},
]
"""Arguments that FPN and PAFPN have in common, beyond channels and `num_outs=5`."""


def options_id(options: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in options.items()) or "defaults"
