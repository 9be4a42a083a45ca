from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import torch
from mmdet.models.roi_heads.roi_extractors import BaseRoIExtractor
from mmdet.utils import OptMultiConfig
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import (
    AdaptiveChannelFusion,
    AdaptiveSpatialFusion,
    RoIAlign,
    check_level_sizes,
    rename_keys,
)
from mmdet_trash.registry import MODELS

FUSIONS: dict[str, Callable[[int, int], Callable[[Sequence[Tensor]], Tensor]]] = {
    "asf": AdaptiveSpatialFusion,
    "acf": AdaptiveChannelFusion,
    "sum": lambda channels, num_maps: sum,
    "max": lambda channels, num_maps: partial(reduce, torch.maximum),
}


@MODELS.register_module()
class SoftRoIExtractor(BaseRoIExtractor):
    """RoI features from every level of the pyramid, weighed by what they hold.

    Soft RoI selection of `AugFPN <https://arxiv.org/abs/1912.05384>`_, section 3.4: where `SingleRoIExtractor` takes
    each RoI from the one level that its size names, this pools it from all and learns how much of each to take. For
    boxes and, with an `output_size` of 14, for masks. The authors' own weights load as well as ours.

    Args:
        roi_layer: an operator of mmcv and its arguments, `dict(type="RoIAlign", output_size=7, sampling_ratio=0)` say.
        out_channels: of the pyramid's maps, and of the result.
        featmap_strides: stride in pixels of each level used, from the finest.
        fusion: `"asf"` weighs each position (the paper's choice), `"acf"` each channel; `"sum"` and `"max"` learn
            nothing.
        init_cfg: initialisation; the fusion has its own.

    Raises:
        InputError: for an unknown fusion, strides that do not rise, or levels of another number, order or width.

    Example:
        >>> extract = SoftRoIExtractor(dict(type="RoIAlign", output_size=7), 8, [4, 8])
        >>> feats = [torch.rand(1, 8, 32, 32), torch.rand(1, 8, 16, 16)]
        >>> tuple(extract(feats, torch.tensor([[0.0, 10, 10, 90, 60]])).shape)
        (1, 8, 7, 7)
    """

    def __init__(
        self,
        roi_layer: dict[str, Any],
        out_channels: int,
        featmap_strides: Sequence[int],
        fusion: str = "asf",
        init_cfg: OptMultiConfig = None,
    ) -> None:
        if fusion not in FUSIONS:
            raise InputError(f"fusion: {fusion!r} is unknown, one of {tuple(FUSIONS)} is right")
        if list(featmap_strides) != sorted(set(featmap_strides)):
            raise InputError(f"featmap_strides: {list(featmap_strides)} should rise from the finest level")
        if roi_layer["type"] == "RoIAlign":
            roi_layer = {**roi_layer, "type": RoIAlign}
        super().__init__(roi_layer, out_channels, featmap_strides, init_cfg)
        self.fusion = FUSIONS[fusion](out_channels, len(featmap_strides))

    def forward(self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None) -> Tensor:
        """Pool and fuse.

        Args:
            feats: a map (N, out_channels, H, W) for each stride.
            rois: (n, 5), the image's index in the batch and x1, y1, x2, y2 in pixels.
            roi_scale_factor: enlarges each RoI about its centre.

        Returns:
            (n, out_channels, h, w) of the RoI layer's output size.
        """
        if len(feats) != self.num_inputs:
            raise InputError(f"featmap_strides: {self.featmap_strides} are stated, {len(feats)} levels are given")
        channels = [feature.shape[1] for feature in feats]
        if set(channels) != {self.out_channels}:
            raise InputError(f"out_channels: {self.out_channels} is stated, the levels have {channels}")
        check_level_sizes("feats", feats)
        rois = rois.type_as(feats[0])
        if roi_scale_factor is not None:
            rois = self.roi_rescale(rois, roi_scale_factor)
        pooled = [self._pool(layer, feature, rois) for layer, feature in zip(self.roi_layers, feats, strict=True)]
        # Heads view what they get.
        return self.fusion(pooled).contiguous()

    def _pool(self, layer: nn.Module, feature: Tensor, rois: Tensor) -> Tensor:
        if len(rois):
            return layer(feature, rois)
        # mmcv's operator wants a RoI, and several processes want each level in the graph.
        return feature.new_zeros(0, self.out_channels, *layer.output_size) + 0 * feature.sum()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        theirs = {
            "spatial_attention_conv.0.": "fusion.squeeze.",
            "spatial_attention_conv.2.": "fusion.attention.",
        }
        rename_keys(state_dict, prefix, theirs)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
