"""YOLOv7, and how weights of its release become weights of ours."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmcv.cnn.utils import fuse_conv_bn
from mmdet.models.detectors import SingleStageDetector
from mmengine.logging import print_log
from torch import nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.backbones import YOLOv7Backbone
from mmdet_trash.models.layers import ImplicitConv, RepConv
from mmdet_trash.models.necks import YOLOv7PAFPN
from mmdet_trash.registry import MODELS

PARTS = (
    "backbone",
    "neck.spp",
    *(f"neck.{part}.{level}" for level in (1, 0) for part in ("reduce_convs", "lateral_convs", "top_down")),
    *(f"neck.{part}.{level}" for level in (0, 1) for part in ("downsample", "bottom_up")),
    "neck.out_convs",
)
"""Our parts in the order in which the release numbers its layers."""
UNIT = re.compile(r"model\.(\d+)\.(?:cv(\d)\.)?")
BRANCHES = {"rbr_dense": "3x3", "rbr_1x1": "1x1", "rbr_identity": "identity"}
IMPLICIT = {"ia": "added", "im": "multiplied"}
HEADS = {"tiny": 77, "l": 105}
"""The release's number of the head, the last layer, by size."""


@MODELS.register_module()
class YOLOv7(SingleStageDetector):
    """`YOLOv7 <https://arxiv.org/abs/2207.02696>`_: one stage, with anchors.

    Weights of the release load as they are, through `init_cfg` and `load_from` as well: their keys are recognised. For
    another number of classes the head's convolutions stay as they were drawn, which one line of the log says.
    """

    def switch_to_deploy(self) -> None:
        """Merge batch norms, parallel branches and implicit knowledge into plain convolutions, for inference."""
        for module in list(self.modules()):
            if isinstance(module, (RepConv, ImplicitConv)):
                module.switch_to_deploy()
        fuse_conv_bn(self)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        own = {key.removeprefix(prefix): value for key, value in state_dict.items() if key.startswith(prefix)}
        if official_size(own):
            converted = self._of_same_classes(convert_official_state_dict(own))
            for key in own:
                del state_dict[prefix + key]
            state_dict.update({prefix + key: value for key, value in converted.items()})
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _of_same_classes(self, state_dict: dict[str, Any]) -> dict[str, Any]:
        """Without what depends on the number of classes, if it is another."""
        outputs = self.bbox_head.convs[0].conv.out_channels
        theirs = len(state_dict["bbox_head.convs.0.conv.bias"])
        if theirs == outputs:
            return state_dict
        names = [
            f"bbox_head.convs.{level}.{name}"
            for level in range(len(self.bbox_head.convs))
            for name in ("conv.weight", "conv.bias", "multiplied")
        ]
        anchors = self.bbox_head.num_anchors
        print_log(
            f"weights of {theirs // anchors - 5} classes for a model of {outputs // anchors - 5}: the head's last "
            "convolutions stay as they were drawn",
            logger="current",
        )
        return {key: value for key, value in state_dict.items() if key not in names}


def official_size(keys: Iterable[str]) -> str | None:
    """The size of YOLOv7, `"tiny"` or `"l"`, whose release names weights so; None where it does not."""
    keys = set(keys)
    return next((size for size, head in HEADS.items() if f"model.{head}.m.0.weight" in keys), None)


def convert_official_state_dict(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the weights of YOLOv7's release, tiny or l, to those of :class:`YOLOv7`.

    Args:
        state_dict: the release's keys to tensors, `model.0.conv.weight` and so on.

    Returns:
        Our keys to the same tensors; the anchors, which a config states, are left out.

    Raises:
        InputError: naming a key that is missing or that the size has not.
    """
    size = official_size(state_dict)
    if size is None:
        raise InputError("weights: neither of YOLOv7-tiny nor of YOLOv7, whose heads are model.77 and model.105")
    units = sorted({unit_of(key) for key in state_dict} - {None, (HEADS[size], 0)})
    ours = conv_names(size)
    if len(units) != len(ours):
        raise InputError(f"weights: {len(units)} layers before the head, YOLOv7-{size} has {len(ours)}")
    names = dict(zip(units, ours, strict=True))
    found = {}
    for key, value in state_dict.items():
        unit = unit_of(key)
        if unit is None:
            raise InputError(f"weights: {key} is none of YOLOv7-{size}'s")
        rest = UNIT.sub("", key)
        if unit in names:
            branch, _, within = rest.partition(".")
            rest = f"branches.{BRANCHES[branch]}.{within}" if branch in BRANCHES else rest
            found[f"{names[unit]}.{rest}"] = value
        elif not rest.startswith("anchor"):
            kind, level, name = rest.split(".")
            found[f"bbox_head.convs.{level}.{IMPLICIT.get(kind, f'conv.{name}')}"] = value
    return found


def unit_of(key: str) -> tuple[int, int] | None:
    """The layer that a key of the release belongs to, and which of a block's convolutions; None for no such key."""
    match = UNIT.match(key)
    return match and (int(match[1]), int(match[2] or 0))


def conv_names(size: str) -> list[str]:
    """Our convolutions of a size, in the order in which the release numbers its own."""
    with torch.device("meta"):
        parts = nn.ModuleDict({"backbone": YOLOv7Backbone(size), "neck": YOLOv7PAFPN([8] * 3, [8] * 3, size)})
    names = [
        f"{part}.{name}".rstrip(".")
        for part in PARTS
        for name, module in parts.get_submodule(part).named_modules()
        if isinstance(module, (ConvModule, RepConv))
    ]
    if size == "l":  # which numbers the two that begin the pooling block the other way round
        first = names.index("neck.spp.short_conv")
        names[first : first + 2] = reversed(names[first : first + 2])
    return names
