from collections.abc import Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import SELayer
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class MLFPN(BaseModule):
    """Multi-level feature pyramid: one pyramid after another over a fused map, joined level by level.

    The neck of `M2Det <https://arxiv.org/abs/1811.04533>`_, section 3. Two of the backbone's maps are fused (FFMv1).
    A thinned U (TUM) makes a pyramid of what they give, the next one of that and the finest map of the pyramid before
    it (FFMv2), and so on, so that later ones are deeper. A level's maps of all pyramids lie side by side, and squeeze
    and excitation weighs their channels (SFAM).

    Args:
        in_channels: of the two maps, the finer first.
        out_channels: of every map of the pyramid, a multiple of `num_pyramids`.
        num_outs: maps of the pyramid.
        num_pyramids: how many are made, 8 in the paper.
        feat_channels: within a thinned U, 256 in the paper; each gives `out_channels / num_pyramids`.
        norm_cfg: after every convolution.
        act_cfg: after that.
        init_cfg: as for any module of MMEngine.

    Raises:
        InputError: for numbers of channels that do not fit.

    Example:
        >>> neck = MLFPN([8, 16], out_channels=16, num_outs=3, num_pyramids=2, feat_channels=16)
        >>> [tuple(m.shape) for m in neck([torch.rand(2, 8, 15, 12), torch.rand(2, 16, 8, 6)])]
        [(2, 16, 15, 12), (2, 16, 8, 6), (2, 16, 4, 3)]
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 1024,
        num_outs: int = 6,
        num_pyramids: int = 8,
        feat_channels: int = 256,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(in_channels) != 2:
            raise InputError(f"in_channels: {len(in_channels)} maps are stated, 2 are fused")
        width = out_channels // num_pyramids
        if out_channels % num_pyramids or not 0 < width < feat_channels:
            raise InputError(
                f"out_channels: {out_channels} should be {num_pyramids} times less than feat_channels, {feat_channels}"
            )
        conv = {"norm_cfg": norm_cfg or {"type": "BN"}, "act_cfg": act_cfg or {"type": "ReLU"}}
        # Of the fused map a third is the finer one, as in the paper.
        self.finer_conv = ConvModule(in_channels[0], feat_channels, 3, padding=1, **conv)
        self.coarser_conv = ConvModule(in_channels[1], 2 * feat_channels, 1, **conv)
        reduced = [feat_channels, *[feat_channels - width] * (num_pyramids - 1)]
        self.reduce_convs = ModuleList(ConvModule(3 * feat_channels, channels, 1, **conv) for channels in reduced)
        self.pyramids = ModuleList(ThinnedU(feat_channels, width, num_outs, **conv) for _ in range(num_pyramids))
        self.attentions = ModuleList(SELayer(out_channels) for _ in range(num_outs))

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Build the pyramid.

        Args:
            inputs: two maps (N, C, H, W), the finer first.

        Returns:
            `num_outs` maps (N, out_channels, H, W), from the finest, which is of the finer input's size.
        """
        finer, coarser = self.finer_conv(inputs[0]), self.coarser_conv(inputs[1])
        fused = torch.cat([finer, F.interpolate(coarser, size=finer.shape[-2:])], 1)
        pyramids: list[list[Tensor]] = []
        for reduce, pyramid in zip(self.reduce_convs, self.pyramids, strict=True):
            x = reduce(fused)
            pyramids.append(pyramid(torch.cat([x, pyramids[-1][0]], 1) if pyramids else x))
        levels = (torch.cat(maps, 1) for maps in zip(*pyramids, strict=True))
        return tuple(attention(level) for attention, level in zip(self.attentions, levels, strict=True))


class ThinnedU(BaseModule):
    """Convolutions down to ever coarser maps and up again, each map out by a 1x1 convolution.

    Args:
        channels: of what goes in and within.
        out_channels: of every map that comes out.
        num_levels: of the pyramid.
        **conv: `norm_cfg` and `act_cfg` of every convolution.
    """

    def __init__(self, channels: int, out_channels: int, num_levels: int, **conv: Any) -> None:
        super().__init__()
        between = range(num_levels - 1)
        self.down_convs = ModuleList(ConvModule(channels, channels, 3, stride=2, padding=1, **conv) for _ in between)
        self.up_convs = ModuleList(ConvModule(channels, channels, 3, padding=1, **conv) for _ in between)
        self.out_convs = ModuleList(ConvModule(channels, out_channels, 1, **conv) for _ in range(num_levels))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Turn (N, channels, H, W) into maps (N, out_channels, H, W), each of half the sides of the one before."""
        levels = [x]
        for conv in self.down_convs:
            levels.append(conv(levels[-1]))
        for index in reversed(range(len(self.up_convs))):
            above = F.interpolate(self.up_convs[index](levels[index + 1]), size=levels[index].shape[-2:])
            levels[index] = levels[index] + above
        return [conv(level) for conv, level in zip(self.out_convs, levels, strict=True)]
