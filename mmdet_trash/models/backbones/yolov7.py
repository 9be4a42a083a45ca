from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import ELAN, MaxPoolAndConv
from mmdet_trash.registry import MODELS


@dataclass(frozen=True)
class Arch:
    """What differs between the sizes.

    Attributes:
        stem: channels and stride of the 3x3 convolutions before the first stage.
        mid_channels: of each stage's ELAN.
        out_channels: of each stage.
        convs_per_block: of each stage's ELAN.
        conv_downsample: whether maps are halved by maxima and convolution, or by maxima alone.
    """

    stem: tuple[tuple[int, int], ...]
    mid_channels: tuple[int, ...]
    out_channels: tuple[int, ...]
    convs_per_block: int
    conv_downsample: bool


ARCHS = {
    "tiny": Arch(((32, 2), (64, 2)), (32, 64, 128, 256), (64, 128, 256, 512), 1, False),
    "l": Arch(((32, 1), (64, 2), (64, 1), (128, 2)), (64, 128, 256, 256), (256, 512, 1024, 1024), 2, True),
}


@MODELS.register_module()
class YOLOv7Backbone(BaseModule):
    """The backbone of `YOLOv7 <https://arxiv.org/abs/2207.02696>`_: four stages of ELAN.

    Args:
        arch: `"tiny"` or `"l"`.
        widen_factor: of all channels, which are rounded to multiples of 8.
        out_indices: which stages come out; stage i has stride `4 * 2**i`.
        frozen_stages: how many of stem (0) and stages keep their weights: -1 for none.
        norm_cfg: of every convolution.
        act_cfg: of every convolution; LeakyReLU 0.1 for `"tiny"` and SiLU for `"l"` unless given.
        norm_eval: whether batch norms keep their statistics in training.
        init_cfg: as for any module of MMEngine.

    Raises:
        InputError: for an unknown arch.

    Example:
        >>> maps = YOLOv7Backbone("tiny")(torch.zeros(1, 3, 64, 64))
        >>> [tuple(m.shape) for m in maps]
        [(1, 128, 8, 8), (1, 256, 4, 4), (1, 512, 2, 2)]
    """

    def __init__(
        self,
        arch: str = "l",
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (1, 2, 3),
        frozen_stages: int = -1,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        norm_eval: bool = False,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if arch not in ARCHS:
            raise InputError(f"arch: {arch!r} is unknown, one of {', '.join(ARCHS)} is right")
        self.out_indices, self.frozen_stages, self.norm_eval = tuple(out_indices), frozen_stages, norm_eval
        conv = yolov7_conv(arch, norm_cfg, act_cfg)
        plan = ARCHS[arch]

        def width(channels: int) -> int:
            return max(8, round(channels * widen_factor / 8) * 8)

        channels, stem = 3, []
        for out_channels, stride in plan.stem:
            stem.append(ConvModule(channels, width(out_channels), 3, stride=stride, padding=1, **conv))
            channels = width(out_channels)
        self.stages = nn.ModuleList([Sequential(*stem)])
        for index, (mid, out) in enumerate(zip(plan.mid_channels, plan.out_channels, strict=True)):
            stage: list[nn.Module] = []
            if index:
                stage.append(MaxPoolAndConv(channels, channels, **conv) if plan.conv_downsample else nn.MaxPool2d(2))
            elan = ELAN(channels, width(out), width(mid), convs_per_block=plan.convs_per_block, **conv)
            self.stages.append(Sequential(*stage, elan))
            channels = width(out)
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn images (N, 3, H, W) into maps, the finest first."""
        maps = []
        for index, stage in enumerate(self.stages, start=-1):
            x = stage(x)
            if index in self.out_indices:
                maps.append(x)
        return tuple(maps)

    def train(self, mode: bool = True) -> "YOLOv7Backbone":
        """Switch between training and inference; frozen stages and norms stay as they are."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _freeze(self) -> None:
        for stage in self.stages[: self.frozen_stages + 1]:
            stage.eval().requires_grad_(False)


def yolov7_conv(arch: str, norm_cfg: dict[str, Any] | None, act_cfg: dict[str, Any] | None) -> dict[str, Any]:
    """`norm_cfg` and `act_cfg` of a size's convolutions, those given first."""
    act = {"type": "LeakyReLU", "negative_slope": 0.1} if arch == "tiny" else {"type": "SiLU"}
    return {"norm_cfg": norm_cfg or {"type": "BN", "eps": 1e-3, "momentum": 0.03}, "act_cfg": act_cfg or act}
