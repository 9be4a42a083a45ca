"""Layers that necks and extractors are made of."""

from mmdet_trash.models.layers import activations
from mmdet_trash.models.layers.adaptive_channel_fusion import AdaptiveChannelFusion
from mmdet_trash.models.layers.adaptive_spatial_fusion import AdaptiveSpatialFusion
from mmdet_trash.models.layers.augmented_lateral import AugmentedLateral
from mmdet_trash.models.layers.authors_keys import rename_keys
from mmdet_trash.models.layers.box_pairs import BoxPairs
from mmdet_trash.models.layers.cbam import CBAM
from mmdet_trash.models.layers.elan import ELAN, MaxPoolAndConv
from mmdet_trash.models.layers.implicit_conv import ImplicitConv
from mmdet_trash.models.layers.level_sizes import check_level_sizes
from mmdet_trash.models.layers.nms import diou_nms, matrix_nms
from mmdet_trash.models.layers.ratio_invariant_pooling import RatioInvariantPooling
from mmdet_trash.models.layers.rep_conv import RepConv
from mmdet_trash.models.layers.residual_feature_augmentation import ResidualFeatureAugmentation
from mmdet_trash.models.layers.roi_align import RoIAlign
from mmdet_trash.models.layers.rtdetr_decoder import RTDETRDecoder
from mmdet_trash.models.layers.separable_conv import SeparableConv
from mmdet_trash.models.layers.spp import SPP
from mmdet_trash.models.layers.sppcspc import SPPCSPC
from mmdet_trash.models.layers.squeeze_excitation import SELayer
from mmdet_trash.models.layers.weighted_fusion import WeightedFusion, weighted_fusion

__all__ = [
    "CBAM",
    "ELAN",
    "SPP",
    "SPPCSPC",
    "AdaptiveChannelFusion",
    "AdaptiveSpatialFusion",
    "AugmentedLateral",
    "BoxPairs",
    "ImplicitConv",
    "MaxPoolAndConv",
    "RTDETRDecoder",
    "RatioInvariantPooling",
    "RepConv",
    "ResidualFeatureAugmentation",
    "RoIAlign",
    "SELayer",
    "SeparableConv",
    "WeightedFusion",
    "activations",
    "check_level_sizes",
    "diou_nms",
    "matrix_nms",
    "rename_keys",
    "weighted_fusion",
]
