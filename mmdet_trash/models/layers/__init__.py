"""Layers that necks and extractors are made of."""

from mmdet_trash.models.layers.adaptive_channel_fusion import AdaptiveChannelFusion
from mmdet_trash.models.layers.adaptive_spatial_fusion import AdaptiveSpatialFusion
from mmdet_trash.models.layers.augmented_lateral import AugmentedLateral
from mmdet_trash.models.layers.authors_keys import rename_keys
from mmdet_trash.models.layers.box_pairs import BoxPairs
from mmdet_trash.models.layers.elan import ELAN, MaxPoolAndConv
from mmdet_trash.models.layers.implicit_conv import ImplicitConv
from mmdet_trash.models.layers.level_sizes import check_level_sizes
from mmdet_trash.models.layers.nms import diou_nms, matrix_nms
from mmdet_trash.models.layers.ratio_invariant_pooling import RatioInvariantPooling
from mmdet_trash.models.layers.rep_conv import RepConv
from mmdet_trash.models.layers.residual_feature_augmentation import ResidualFeatureAugmentation
from mmdet_trash.models.layers.roi_align import RoIAlign
from mmdet_trash.models.layers.sppcspc import SPPCSPC

__all__ = [
    "ELAN",
    "SPPCSPC",
    "AdaptiveChannelFusion",
    "AdaptiveSpatialFusion",
    "AugmentedLateral",
    "BoxPairs",
    "ImplicitConv",
    "MaxPoolAndConv",
    "RatioInvariantPooling",
    "RepConv",
    "ResidualFeatureAugmentation",
    "RoIAlign",
    "check_level_sizes",
    "diou_nms",
    "matrix_nms",
    "rename_keys",
]
