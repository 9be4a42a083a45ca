from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.backbones.yolov7 import ARCHS, yolov7_conv
from mmdet_trash.models.layers import ELAN, SPPCSPC, MaxPoolAndConv, RepConv
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class YOLOv7PAFPN(BaseModule):
    """The neck of `YOLOv7 <https://arxiv.org/abs/2207.02696>`_: SPP, then down the pyramid and up again by ELANs.

    Args:
        in_channels: of the backbone's maps, from the finest.
        out_channels: of the maps that come out, from the finest; within, each level has half as many.
        arch: `"tiny"` or `"l"`, as the backbone's: how wide the ELANs are, how maps are halved, and which convolutions
            come last, plain ones or those that :class:`~mmdet_trash.models.layers.RepConv` merges for deployment.
        norm_cfg: of every convolution.
        act_cfg: of every convolution; LeakyReLU 0.1 for `"tiny"` and SiLU for `"l"` unless given.
        init_cfg: as for any module of MMEngine.

    Raises:
        InputError: for an unknown arch.

    Example:
        >>> neck = YOLOv7PAFPN([8, 16, 32], [16, 32, 64], arch="tiny")
        >>> maps = [torch.zeros(1, c, s, s) for c, s in ((8, 8), (16, 4), (32, 2))]
        >>> [tuple(m.shape) for m in neck(maps)]
        [(1, 16, 8, 8), (1, 32, 4, 4), (1, 64, 2, 2)]
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: Sequence[int],
        arch: str = "l",
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if arch not in ARCHS:
            raise InputError(f"arch: {arch!r} is unknown, one of {', '.join(ARCHS)} is right")
        tiny, conv = arch == "tiny", yolov7_conv(arch, norm_cfg, act_cfg)
        widths = [channels // 2 for channels in out_channels]
        *finer, coarsest = in_channels

        def elan(in_width: int, width: int) -> ELAN:
            if tiny:
                return ELAN(in_width, width, width // 2, **conv)
            return ELAN(in_width, width, width, width // 2, num_blocks=4, **conv)

        self.spp = SPPCSPC(coarsest, widths[-1], tiny=tiny, **conv)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        # Each from the finest level on; a level that is above another is coarser.
        pairs = list(pairwise(widths))
        self.reduce_convs = ModuleList(ConvModule(above, width, 1, **conv) for width, above in pairs)
        self.lateral_convs = ModuleList(
            ConvModule(channels, width, 1, **conv) for channels, width in zip(finer, widths, strict=False)
        )
        self.top_down = ModuleList(elan(2 * width, width) for width in widths[:-1])
        self.downsample = ModuleList(
            ConvModule(width, above, 3, stride=2, padding=1, **conv) if tiny else MaxPoolAndConv(width, above, **conv)
            for width, above in pairs
        )
        self.bottom_up = ModuleList(elan(2 * width, width) for width in widths[1:])
        self.out_convs = ModuleList(
            ConvModule(width, channels, 3, padding=1, **conv) if tiny else RepConv(width, channels, **conv)
            for width, channels in zip(widths, out_channels, strict=True)
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Turn the backbone's maps into the head's, both from the finest; each has half the side of the one before."""
        levels = [self.spp(maps[-1])]
        for index in reversed(range(len(self.top_down))):
            above = self.upsample(self.reduce_convs[index](levels[0]))
            levels.insert(0, self.top_down[index](torch.cat([self.lateral_convs[index](maps[index]), above], 1)))
        for index, (down, merge) in enumerate(zip(self.downsample, self.bottom_up, strict=True)):
            levels[index + 1] = merge(torch.cat([down(levels[index]), levels[index + 1]], 1))
        return tuple(conv(level) for conv, level in zip(self.out_convs, levels, strict=True))
