"""Activations that configs name and mmcv does not: `act_cfg=dict(type="Mish")`."""

from torch import nn

from mmdet_trash.registry import MODELS

# https://arxiv.org/abs/1908.08681
MODELS.register_module("Mish", module=nn.Mish)
