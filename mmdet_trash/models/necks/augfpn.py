from collections.abc import Sequence
from typing import Any

from mmdet.models.necks import FPN
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import ResidualFeatureAugmentation, check_level_sizes, rename_keys
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class AugFPN(FPN):
    """Feature pyramid with residual feature augmentation at its top.

    From `AugFPN: Improving Multi-scale Feature Learning for Object Detection <https://arxiv.org/abs/1912.05384>`_. It
    takes the place of `FPN`: the same arguments, the same weights under the same names and the same result, a tuple.
    The paper's two other parts stand elsewhere: soft RoI selection in
    :class:`~mmdet_trash.models.roi_heads.roi_extractors.SoftRoIExtractor`, consistent supervision in the heads, which
    read the laterals that :meth:`forward_with_laterals` gives. The authors' own weights load as well as ours.

    Args:
        in_channels: of each of the backbone's maps, from the finest.
        out_channels: of every map of the pyramid.
        num_outs: maps of the pyramid.
        pool_ratios: shares of the top map's height and width that it is pooled to, each in (0, 1]. None at all leaves
            an `FPN`.
        pooling: as in :class:`~mmdet_trash.models.layers.RatioInvariantPooling`.
        rfa_to_extra: whether the augmentation, averaged over the image, is added to the first extra level too, as the
            authors do in one-stage detectors.
        **kwargs: as for `FPN`: `start_level`, `end_level`, `add_extra_convs`, `relu_before_extra_convs`,
            `no_norm_on_lateral`, `conv_cfg`, `norm_cfg`, `act_cfg`, `upsample_cfg`, `init_cfg`.

    Raises:
        InputError: for a ratio outside (0, 1], levels that do not exist, or maps that are not those of `in_channels`.

    Example:
        >>> in_channels, sizes = [2, 3, 5, 7], [85, 43, 22, 11]
        >>> inputs = [torch.rand(1, c, s, s) for c, s in zip(in_channels, sizes)]
        >>> [tuple(out.shape) for out in AugFPN(in_channels, 12, num_outs=5)(inputs)]
        [(1, 12, 85, 85), (1, 12, 43, 43), (1, 12, 22, 22), (1, 12, 11, 11), (1, 12, 6, 6)]
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int,
        pool_ratios: Sequence[float] = (0.1, 0.2, 0.3),
        *,
        pooling: str = "adaptive",
        rfa_to_extra: bool = False,
        **kwargs: Any,
    ) -> None:
        _check_levels(len(in_channels), num_outs, kwargs.get("start_level", 0), kwargs.get("end_level", -1))
        super().__init__(list(in_channels), out_channels, num_outs, **kwargs)
        levels = self.backbone_end_level - self.start_level
        if rfa_to_extra and not (self.add_extra_convs and num_outs > levels):
            raise InputError(f"rfa_to_extra: wants add_extra_convs and a num_outs above the {levels} levels")
        self.rfa = (
            ResidualFeatureAugmentation(in_channels[self.backbone_end_level - 1], out_channels, pool_ratios, pooling)
            if pool_ratios
            else None
        )
        self.rfa_to_extra = rfa_to_extra

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Build the pyramid.

        Args:
            inputs: the backbone's maps (N, C, H, W), one for each of `in_channels`, from the finest.

        Returns:
            `num_outs` maps (N, out_channels, H, W), from the finest.
        """
        return self._pyramid(self._laterals(inputs), inputs)

    def forward_with_laterals(self, inputs: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Build the pyramid and give its laterals too, as they are before augmentation and top-down path.

        Args:
            inputs: as for :meth:`forward`.

        Returns:
            The pyramid, and a lateral (N, out_channels, H, W) for each backbone level used.
        """
        laterals = self._laterals(inputs)
        return self._pyramid(list(laterals), inputs), tuple(laterals)

    def _laterals(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        self._check_inputs(inputs)
        return [conv(inputs[self.start_level + i]) for i, conv in enumerate(self.lateral_convs)]

    def _pyramid(self, levels: list[Tensor], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Turn laterals into the pyramid; the list is used up."""
        top = inputs[self.backbone_end_level - 1]
        context = None if self.rfa is None else self.rfa(top)
        if context is not None:
            levels[-1] = levels[-1] + context
        for i in range(len(levels) - 1, 0, -1):
            size = {} if "scale_factor" in self.upsample_cfg else {"size": levels[i - 1].shape[-2:]}
            # In place: what is upsampled here nobody else holds, while the laterals may be asked for.
            levels[i - 1] = F.interpolate(levels[i], **size, **self.upsample_cfg).add_(levels[i - 1])
        outs = [conv(level) for conv, level in zip(self.fpn_convs, levels, strict=False)]

        if not self.add_extra_convs:
            while len(outs) < self.num_outs:
                outs.append(F.max_pool2d(outs[-1], 1, stride=2))
            return tuple(outs)
        source = {"on_input": top, "on_lateral": levels[-1], "on_output": outs[-1]}[self.add_extra_convs]
        for i in range(len(levels), self.num_outs):
            extra = self.fpn_convs[i](source)
            if i == len(levels) and self.rfa_to_extra and context is not None:
                extra = extra + F.adaptive_avg_pool2d(context, 1)
            outs.append(extra)
            source = extra.relu() if self.relu_before_extra_convs else extra
        return tuple(outs)

    def _check_inputs(self, inputs: Sequence[Tensor]) -> None:
        channels = [feature.shape[1] for feature in inputs]
        if channels != self.in_channels:
            raise InputError(f"in_channels: {self.in_channels} are stated, the backbone's maps have {channels}")
        check_level_sizes("inputs", inputs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        theirs = {
            "high_lateral_conv.": "rfa.convs.",
            "high_lateral_conv_attention.0.": "rfa.fusion.squeeze.",
            "high_lateral_conv_attention.2.": "rfa.fusion.attention.",
        }
        rename_keys(state_dict, prefix, theirs)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _check_levels(num_ins: int, num_outs: int, start_level: int, end_level: int) -> None:
    """Say which argument is wrong where `FPN` would only assert."""
    if not 0 <= start_level < num_ins:
        raise InputError(f"start_level: {start_level} is none of in_channels' {num_ins} levels")
    if not (end_level == -1 or start_level <= end_level < num_ins):
        raise InputError(f"end_level: {end_level} is neither -1 nor one of the levels {start_level} to {num_ins - 1}")
    last = num_ins - 1 if end_level == -1 else end_level
    levels = last - start_level + 1
    if num_outs < levels or (num_outs > levels and last < num_ins - 1):
        raise InputError(f"num_outs: {num_outs} is stated, start_level and end_level leave {levels} levels")
