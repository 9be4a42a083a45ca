from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmdet.models.dense_heads import AnchorHead
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn

from mmdet_trash.models.layers import SeparableConv
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class EfficientDetHead(AnchorHead):
    """Classes and boxes of anchors by separable convolutions that all levels share, each level with its batch norms.

    From `EfficientDet <https://arxiv.org/abs/1911.09070>`_, section 4; that norms are not shared is the release's.

    Args:
        num_classes: of objects.
        in_channels: of the pyramid's maps.
        stacked_convs: convolutions of `feat_channels` before the last.
        norm_cfg: after every convolution but the last.
        act_cfg: after that.
        **kwargs: as for MMDetection's `AnchorHead`: `feat_channels`, `anchor_generator`, `bbox_coder`, `loss_cls`,
            `loss_bbox` and so on.

    Example:
        >>> head = EfficientDetHead(10, 8, stacked_convs=2, feat_channels=8)
        >>> scores, deltas = head([torch.rand(2, 8, s, s) for s in (16, 8, 4, 2, 1)])
        >>> tuple(scores[0].shape), tuple(deltas[0].shape)  # AnchorHead's 9 anchors a pixel
        ((2, 90, 16, 16), (2, 36, 16, 16))
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        stacked_convs: int = 3,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.stacked_convs = stacked_convs
        self.norm_cfg = norm_cfg or {"type": "BN", "eps": 1e-3, "momentum": 0.01}
        self.act_cfg = act_cfg or {"type": "SiLU"}
        super().__init__(num_classes, in_channels, **{"init_cfg": None, **kwargs})

    def _init_layers(self) -> None:
        anchors, levels = self.num_base_priors, len(self.prior_generator.strides)
        widths = [self.in_channels, *[self.feat_channels] * self.stacked_convs]
        norms = {"levels": levels, "norm_cfg": self.norm_cfg, "act_cfg": self.act_cfg}
        self.cls_net = LevelNet([*widths, anchors * self.cls_out_channels], **norms)
        self.reg_net = LevelNet([*widths, anchors * self.bbox_coder.encode_size], **norms)
        # At first nearly everything is background, as focal loss wants it.
        nn.init.constant_(self.cls_net.convs[-1].pointwise.bias, bias_init_with_prob(0.01))
        nn.init.zeros_(self.reg_net.convs[-1].pointwise.bias)

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Predict from a pyramid.

        Args:
            feats: maps (N, in_channels, H, W), one for each stride of the anchors.

        Returns:
            Of each level, class scores before the sigmoid (N, anchors x classes, H, W) and box deltas
            (N, anchors x 4, H, W).
        """
        nets = (self.cls_net, self.reg_net)
        scores, deltas = ([net(feature, level) for level, feature in enumerate(feats)] for net in nets)
        return scores, deltas


class LevelNet(nn.Module):
    """Separable convolutions shared by levels, with norms of each level's own and an activation between them.

    Args:
        widths: channels of what goes in, between convolutions, and of what comes out.
        levels: of the pyramid.
        norm_cfg: after every convolution but the last.
        act_cfg: after that.
    """

    def __init__(self, widths: Sequence[int], levels: int, norm_cfg: dict[str, Any], act_cfg: dict[str, Any]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            SeparableConv(before, after, bias=number == len(widths) - 1)
            for number, (before, after) in enumerate(pairwise(widths), start=1)
        )
        self.norms = nn.ModuleList(
            nn.ModuleList(build_norm_layer(norm_cfg, width)[1] for width in widths[1:-1]) for _ in range(levels)
        )
        self.act = build_activation_layer(act_cfg)

    def forward(self, x: Tensor, level: int) -> Tensor:
        """Turn a level's map (N, widths[0], H, W) into (N, widths[-1], H, W)."""
        *inner, last = self.convs
        for conv, norm in zip(inner, self.norms[level], strict=True):
            x = self.act(norm(conv(x)))
        return last(x)
