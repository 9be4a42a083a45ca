from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmdet.models.layers import DetrTransformerEncoderLayer
from mmengine.model import BaseModule, ModuleList, Sequential
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import RepConv
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class HybridEncoder(BaseModule):
    """The encoder of RT-DETR: attention within the coarsest level, convolutions across levels.

    From `RT-DETR <https://arxiv.org/abs/2304.08069>`_, section 4.2: AIFI is one transformer layer, CCFF goes down the
    pyramid and up again. As in the release, a convolution and a norm come before and after.

    Args:
        in_channels: of the backbone's maps, from the finest.
        out_channels: of every map that comes out, a multiple of 4.
        feedforward_channels: of the transformer layer.
        num_heads: of its attention.
        expansion: of the blocks that fuse, their inner channels by `out_channels`.
        num_blocks: convolutions of such a block.
        norm_cfg: after every convolution.
        act_cfg: after every convolution but the first and last.
        init_cfg: as for any module of MMEngine.

    Raises:
        InputError: for `out_channels` that positions cannot be written in.

    Example:
        >>> neck = HybridEncoder([8, 16, 32], 16, feedforward_channels=32).eval()
        >>> maps = [torch.zeros(1, c, s, s) for c, s in ((8, 8), (16, 4), (32, 2))]
        >>> [tuple(m.shape) for m in neck(maps)]
        [(1, 16, 8, 8), (1, 16, 4, 4), (1, 16, 2, 2)]
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        feedforward_channels: int = 1024,
        num_heads: int = 8,
        expansion: float = 1.0,
        num_blocks: int = 3,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if out_channels % 4:
            raise InputError(f"out_channels: {out_channels} is stated, a multiple of 4 is right")
        norm_cfg = norm_cfg or {"type": "BN"}
        conv = {"norm_cfg": norm_cfg, "act_cfg": act_cfg or {"type": "SiLU"}}
        plain = {"norm_cfg": norm_cfg, "act_cfg": None}

        def fusion() -> CSPRep:
            return CSPRep(2 * out_channels, out_channels, expansion, num_blocks, **conv)

        self.input_convs = ModuleList(ConvModule(channels, out_channels, 1, **plain) for channels in in_channels)
        self.transformer = DetrTransformerEncoderLayer(
            self_attn_cfg={"embed_dims": out_channels, "num_heads": num_heads},
            ffn_cfg={
                "embed_dims": out_channels,
                "feedforward_channels": feedforward_channels,
                "act_cfg": {"type": "GELU"},
            },
        )
        # Each from the finest level on; a level that is above another is coarser.
        pairs = list(pairwise(in_channels))
        self.lateral_convs = ModuleList(ConvModule(out_channels, out_channels, 1, **conv) for _ in pairs)
        self.top_down = ModuleList(fusion() for _ in pairs)
        self.downsample = ModuleList(
            ConvModule(out_channels, out_channels, 3, stride=2, padding=1, **conv) for _ in pairs
        )
        self.bottom_up = ModuleList(fusion() for _ in pairs)
        self.out_convs = ModuleList(ConvModule(out_channels, out_channels, 1, **plain) for _ in in_channels)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Turn the backbone's maps into as many of `out_channels`, of their sizes, both from the finest.

        Each has half the side of the one before, rounded up.
        """
        levels = [conv(feature) for conv, feature in zip(self.input_convs, maps, strict=True)]
        levels[-1] = self.attend(levels[-1])
        for index in reversed(range(len(self.top_down))):
            levels[index + 1] = self.lateral_convs[index](levels[index + 1])
            above = F.interpolate(levels[index + 1], size=levels[index].shape[-2:], mode="nearest")
            levels[index] = self.top_down[index](torch.cat([above, levels[index]], 1))
        for index, (down, merge) in enumerate(zip(self.downsample, self.bottom_up, strict=True)):
            levels[index + 1] = merge(torch.cat([down(levels[index]), levels[index + 1]], 1))
        return tuple(conv(level) for conv, level in zip(self.out_convs, levels, strict=True))

    def attend(self, x: Tensor) -> Tensor:
        """Let every pixel of (N, out_channels, H, W) look at every other."""
        positions = sine_positions(*x.shape[-2:], x.shape[1], x.device).to(x)
        tokens = self.transformer(
            x.flatten(2).transpose(1, 2), query_pos=positions.expand(len(x), -1, -1), key_padding_mask=None
        )
        return tokens.transpose(1, 2).reshape(x.shape)


class CSPRep(BaseModule):
    """Two 1x1 convolutions of a map, one followed by a chain of :class:`RepConv`, added.

    Args:
        in_channels: of the map.
        out_channels: of what comes out.
        expansion: inner channels by `out_channels`; a last 1x1 convolution if it is not 1.
        num_blocks: length of the chain.
        norm_cfg: after every convolution.
        act_cfg: after every convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, expansion: float, num_blocks: int, **conv: dict[str, Any]
    ) -> None:
        super().__init__()
        channels = int(out_channels * expansion)
        self.main_conv = ConvModule(in_channels, channels, 1, **conv)
        self.short_conv = ConvModule(in_channels, channels, 1, **conv)
        self.blocks = Sequential(*(RepConv(channels, channels, **conv) for _ in range(num_blocks)))
        self.final_conv = nn.Identity() if channels == out_channels else ConvModule(channels, out_channels, 1, **conv)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, in_channels, H, W) into (N, out_channels, H, W)."""
        return self.final_conv(self.blocks(self.main_conv(x)) + self.short_conv(x))


def sine_positions(height: int, width: int, channels: int, device: torch.device | None = None) -> Tensor:
    """Where each pixel is: sines and cosines of its row, then of its column, of waves of 2 pi to 20 000 pi pixels.

    Args:
        height: rows.
        width: columns.
        channels: a multiple of 4.
        device: of what comes out.

    Returns:
        (height * width, channels), row by row.
    """
    waves = 1e4 ** -(torch.arange(channels // 4, device=device) / (channels // 4))
    rows, columns = (torch.arange(side, device=device)[:, None] * waves for side in (height, width))
    rows = torch.cat([rows.sin(), rows.cos()], 1)[:, None].expand(-1, width, -1)
    columns = torch.cat([columns.sin(), columns.cos()], 1)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], 2).flatten(0, 1)
