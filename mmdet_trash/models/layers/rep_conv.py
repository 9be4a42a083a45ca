from typing import Any

import torch
from mmcv.cnn import build_activation_layer, build_norm_layer
from mmengine.model import BaseModule
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm
from torch import Tensor, nn


class RepConv(BaseModule):
    """A 3x3 convolution that is trained as the sum of a 3x3, a 1x1 and, where the shapes allow, nothing at all.

    Each branch has its own batch norm. :meth:`switch_to_deploy` merges them into one 3x3 convolution that computes the
    same. From `RepVGG <https://arxiv.org/abs/2101.03697>`_, section 3.3, as `YOLOv7
    <https://arxiv.org/abs/2207.02696>`_ plans it.

    Args:
        in_channels: of the map.
        out_channels: of what comes out.
        identity: whether the input is added, through a batch norm; only with as many channels out as in.
        norm_cfg: a batch norm.
        act_cfg: activation after the sum, or None.
        init_cfg: as for any module of MMEngine.

    Example:
        >>> RepConv(4, 8)(torch.zeros(1, 4, 5, 5)).shape
        torch.Size([1, 8, 5, 5])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        identity: bool = False,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = norm_cfg or {"type": "BN"}
        self.branches = nn.ModuleDict()
        for name, kernel in (("3x3", 3), ("1x1", 1)):
            conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
            self.branches[name] = nn.Sequential(conv, build_norm_layer(norm_cfg, out_channels)[1])
        if identity:
            self.branches["identity"] = build_norm_layer(norm_cfg, in_channels)[1]
        self.activate = build_activation_layer(act_cfg) if act_cfg else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into (N, out_channels, H, W)."""
        if hasattr(self, "merged"):
            return self.activate(self.merged(x))
        return self.activate(sum(branch(x) for branch in self.branches.values()))

    @torch.no_grad()
    def switch_to_deploy(self) -> None:
        """Merge the branches into one convolution, for inference; nothing happens the second time."""
        if hasattr(self, "merged"):
            return
        weight, bias = (sum(parts) for parts in zip(*map(_as_3x3, self.branches.values()), strict=True))
        self.merged = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        self.merged.weight, self.merged.bias = nn.Parameter(weight), nn.Parameter(bias)
        del self.branches


def _as_3x3(branch: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight (out, in, 3, 3) and bias (out,) of a branch, its batch norm within."""
    if isinstance(branch, _BatchNorm):
        norm, weight = branch, torch.diag_embed(torch.ones_like(branch.weight))[:, :, None, None]
    else:
        conv, norm = branch
        weight = conv.weight
    if weight.shape[-1] == 1:
        weight = nn.functional.pad(weight, (1, 1, 1, 1))
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
