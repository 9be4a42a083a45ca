from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mmcv.cnn import ConvModule, build_activation_layer, build_norm_layer
from mmengine.model import BaseModule, ModuleList
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import SeparableConv, WeightedFusion
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class BiFPN(BaseModule):
    """Bidirectional feature pyramid: layers that go down and up again, each sum with weights that are learned.

    From `EfficientDet <https://arxiv.org/abs/1911.09070>`_, section 3. A level that the backbone does not have is the
    one below it, its channels projected and its sides halved by maxima. As in the release, a map comes to the
    pyramid's width by a 1x1 convolution and batch norm, once for each use of it by the first layer, and a sum goes
    through Swish, then a depthwise and a 1x1 convolution, then batch norm.

    Args:
        in_channels: of each of the backbone's maps, from the finest.
        out_channels: of every map of the pyramid.
        num_outs: maps of the pyramid, two or more.
        stack_times: layers, each of which goes down and up.
        start_level: the first of the backbone's maps that is used.
        fusion: `"fast"`, `"softmax"` or `"sum"`, as in :class:`~mmdet_trash.models.layers.WeightedFusion`.
        norm_cfg: after every 1x1 convolution.
        act_cfg: before every depthwise convolution.
        init_cfg: as for any module of MMEngine.

    Raises:
        InputError: for a number that does not fit the others, an unknown fusion, or maps that are not those of
            `in_channels` or do not halve from level to level.

    Example:
        >>> inputs = [torch.rand(2, c, s, s) for c, s in ((4, 16), (6, 8), (8, 4))]
        >>> [tuple(out.shape) for out in BiFPN([4, 6, 8], 12, num_outs=5)(inputs)]
        [(2, 12, 16, 16), (2, 12, 8, 8), (2, 12, 4, 4), (2, 12, 2, 2), (2, 12, 1, 1)]
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int = 5,
        stack_times: int = 3,
        start_level: int = 0,
        fusion: str = "fast",
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = norm_cfg or {"type": "BN", "eps": 1e-3, "momentum": 0.01}
        act_cfg = act_cfg or {"type": "SiLU"}
        if not 0 <= start_level < len(in_channels):
            raise InputError(f"start_level: {start_level} is none of in_channels' {len(in_channels)} levels")
        used = in_channels[start_level:]
        if num_outs < max(2, len(used)):
            raise InputError(f"num_outs: {num_outs} is stated, {max(2, len(used))} or more is right")
        if stack_times < 1:
            raise InputError(f"stack_times: {stack_times} is stated, 1 or more is right")
        self.in_channels, self.start_level, self.num_outs = list(in_channels), start_level, num_outs

        def project(channels: int) -> ConvModule:
            return ConvModule(channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)

        self.lateral_convs = ModuleList(project(channels) for channels in used)
        # The way up reads the backbone's maps too, all but the finest.
        self.second_lateral_convs = ModuleList(project(channels) for channels in used[1:])
        self.extra_conv = project(used[-1]) if num_outs > len(used) else None
        self.layers = ModuleList(
            BiFPNLayer(out_channels, num_outs, fusion, norm_cfg, act_cfg) for _ in range(stack_times)
        )

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Build the pyramid.

        Args:
            inputs: the backbone's maps (N, C, H, W), one for each of `in_channels`, from the finest. The sides of each
                are half of those before it, rounded up or down.

        Returns:
            `num_outs` maps (N, out_channels, H, W), from the finest.
        """
        self._check_inputs(inputs)
        used = inputs[self.start_level :]
        extras: list[Tensor] = []
        if self.extra_conv is not None:
            extras.append(_halved(self.extra_conv(used[-1])))
            while len(used) + len(extras) < self.num_outs:
                extras.append(_halved(extras[-1]))
        levels = [conv(feature) for conv, feature in zip(self.lateral_convs, used, strict=True)]
        again = [conv(feature) for conv, feature in zip(self.second_lateral_convs, used[1:], strict=True)]
        outs = self.layers[0]([*levels, *extras], [*again, *extras])
        for layer in self.layers[1:]:
            outs = layer(outs, outs[1:])
        return tuple(outs)

    def _check_inputs(self, inputs: Sequence[Tensor]) -> None:
        channels = [feature.shape[1] for feature in inputs]
        if channels != self.in_channels:
            raise InputError(f"in_channels: {self.in_channels} are stated, the backbone's maps have {channels}")
        sizes = [tuple(feature.shape[-2:]) for feature in inputs[self.start_level :]]
        if not all(
            half in (full // 2, -(-full // 2)) for pair in pairwise(sizes) for full, half in zip(*pair, strict=True)
        ):
            raise InputError(f"inputs: sizes {sizes} should halve from level to level")


class BiFPNLayer(BaseModule):
    """One way down a pyramid and up again.

    Args:
        channels: of every map.
        num_levels: of the pyramid.
        fusion: as in :class:`BiFPN`.
        norm_cfg: as in :class:`BiFPN`.
        act_cfg: as in :class:`BiFPN`.
    """

    def __init__(
        self, channels: int, num_levels: int, fusion: str, norm_cfg: dict[str, Any], act_cfg: dict[str, Any]
    ) -> None:
        super().__init__()

        def node(num_maps: int) -> FusionNode:
            return FusionNode(num_maps, channels, fusion, norm_cfg, act_cfg)

        # Both from the finest level that they make.
        self.top_down = ModuleList(node(2) for _ in range(num_levels - 1))
        self.bottom_up = ModuleList([*(node(3) for _ in range(num_levels - 2)), node(2)])

    def forward(self, levels: Sequence[Tensor], again: Sequence[Tensor]) -> list[Tensor]:
        """Pass over a pyramid.

        Args:
            levels: maps (N, C, H, W), from the finest.
            again: all but the finest, as the way up reads them.

        Returns:
            As many maps as `levels`, of their shapes.
        """
        downward = [levels[-1]]
        for node, level in zip(self.top_down[::-1], levels[-2::-1], strict=True):
            above = F.interpolate(downward[0], size=level.shape[-2:], mode="nearest")
            downward.insert(0, node(level, above))
        outs = [downward[0]]
        # The coarsest level has no map of the way down.
        for node, level, between in zip(self.bottom_up, again, [*([m] for m in downward[1:-1]), []], strict=True):
            height, width = level.shape[-2:]
            outs.append(node(level, *between, _halved(outs[-1])[..., :height, :width]))
        return outs


class FusionNode(BaseModule):
    """Sum maps with weights, then Swish, a depthwise and a 1x1 convolution, and batch norm.

    Args:
        num_maps: how many are fused.
        channels: of each, and of what comes out.
        fusion: as in :class:`BiFPN`.
        norm_cfg: as in :class:`BiFPN`.
        act_cfg: as in :class:`BiFPN`.
    """

    def __init__(
        self, num_maps: int, channels: int, fusion: str, norm_cfg: dict[str, Any], act_cfg: dict[str, Any]
    ) -> None:
        super().__init__()
        self.fuse = WeightedFusion(num_maps, fusion)
        self.act = build_activation_layer(act_cfg)
        self.conv = SeparableConv(channels, channels)
        self.norm = build_norm_layer(norm_cfg, channels)[1]

    def forward(self, *maps: Tensor) -> Tensor:
        """Turn `num_maps` maps (N, C, H, W) into one."""
        return self.norm(self.conv(self.act(self.fuse(maps))))


def _halved(x: Tensor) -> Tensor:
    """Maxima of (N, C, H, W), the sides halved and rounded up."""
    return F.max_pool2d(x, 3, stride=2, padding=1)
