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
HEAD_KEY = re.compile(r"model\.\d+\.(m|ia|im)\.(\d)\.(weight|bias|implicit)")
IMPLICIT = {"ia": "added", "im": "multiplied"}
HEAD, HEAD_NAMES = "bbox_head.convs", ("conv.weight", "conv.bias", "added", "multiplied")
HEADS = {"tiny": 77, "l": 105}
"""The release's number of the head, the last layer, by size."""


@MODELS.register_module()
class YOLOv7(SingleStageDetector):
    """`YOLOv7 <https://arxiv.org/abs/2207.02696>`_: one stage, with anchors.

    Weights of the release load as they are, through `init_cfg` and `load_from` as well: their keys are recognised. Of
    weights for another number of classes, the release's or ours, the head's last convolutions are left out and stay as
    they were drawn, which one line of the log says.
    """

    def switch_to_deploy(self) -> None:
        """Merge batch norms, parallel branches and implicit knowledge into plain convolutions, for inference."""
        for module in list(self.modules()):
            if isinstance(module, (RepConv, ImplicitConv)):
                module.switch_to_deploy()
        fuse_conv_bn(self)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        weights = {key.removeprefix(prefix): value for key, value in state_dict.items() if key.startswith(prefix)}
        official = any(map(UNIT.match, weights))
        loaded = self._of_same_classes(convert_official_state_dict(weights) if official else weights)
        if official:
            self._check_size(loaded)
        for key in weights:
            del state_dict[prefix + key]
        state_dict.update({prefix + key: value for key, value in loaded.items()})
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _of_same_classes(self, weights: dict[str, Any]) -> dict[str, Any]:
        """Without what depends on the number of classes, if it is another."""
        outputs = self.bbox_head.convs[0].conv.out_channels
        theirs = len(weights.get(f"{HEAD}.0.conv.bias", range(outputs)))
        if theirs == outputs:
            return weights
        of_classes = tuple(name for name in HEAD_NAMES if name != "added")
        anchors = self.bbox_head.num_anchors
        print_log(
            f"weights of {theirs // anchors - 5} classes for a model of {outputs // anchors - 5}: the head's last "
            "convolutions stay as they were drawn",
            logger="current",
        )
        return {key: v for key, v in weights.items() if not (key.startswith(HEAD) and key.endswith(of_classes))}

    def _check_size(self, weights: dict[str, Any]) -> None:
        own = self.state_dict()
        for key, value in weights.items():
            if key not in own or own[key].shape != value.shape:
                shape = tuple(own[key].shape) if key in own else "missing"
                raise InputError(
                    f"weights: {key} of the release is {tuple(value.shape)}, the model's is {shape}; "
                    "is it the other size?"
                )


def official_size(keys: Iterable[str]) -> str | None:
    """The size of YOLOv7, `"tiny"` or `"l"`, whose release names weights so; None where it does not."""
    keys = set(keys)
    return next((size for size, head in HEADS.items() if f"model.{head}.m.0.weight" in keys), None)


def convert_official_state_dict(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the weights of YOLOv7's release, tiny or l, to those of :class:`YOLOv7`.

    Args:
        state_dict: the release's keys to tensors, `model.0.conv.weight` and so on.

    Returns:
        Our keys to the same tensors, without the anchors, which a config states. Where implicit knowledge is missing,
        as in the release's files for inference, it is zeros and ones.

    Raises:
        InputError: naming a key that is missing or that the size has not.
    """
    size = official_size(state_dict)
    if size is None:
        raise InputError("weights: neither of YOLOv7-tiny nor of YOLOv7, whose heads are model.77 and model.105")
    parts = our_parts(size)
    layers = layer_names(parts, size)
    units = sorted({unit_of(key) for key in state_dict} - {None, (HEADS[size], 0)})
    if len(units) != len(layers):
        raise InputError(f"weights: {len(units)} layers before the head, YOLOv7-{size} has {len(layers)}")
    ours = dict(zip(units, layers, strict=True))
    expected = {*parts.state_dict(), *(f"{HEAD}.{level}.{name}" for level in range(3) for name in HEAD_NAMES)}
    found = {}
    for key, value in state_dict.items():
        if key.endswith((".anchors", ".anchor_grid")):
            continue
        name = our_name(key, ours)
        if name not in expected:
            raise InputError(f"weights: {key} is none of YOLOv7-{size}'s")
        found[name] = value
    for level in range(3):
        weight = found.get(f"{HEAD}.{level}.conv.weight")
        if weight is not None:  # files for inference have implicit knowledge folded in
            found.setdefault(f"{HEAD}.{level}.added", weight.new_zeros(1, weight.shape[1], 1, 1))
            found.setdefault(f"{HEAD}.{level}.multiplied", weight.new_ones(1, weight.shape[0], 1, 1))
    if missing := expected - found.keys():
        raise InputError(f"weights: {min(missing)} of YOLOv7-{size} is not among them")
    return found


def unit_of(key: str) -> tuple[int, int] | None:
    """The layer that a key of the release belongs to, and which of a block's convolutions; None for no such key."""
    match = UNIT.match(key)
    return match and (int(match[1]), int(match[2] or 0))


def our_name(key: str, layers: Mapping[Any, str]) -> str:
    """Our name of a weight of the release, by our names of its layers."""
    if match := HEAD_KEY.fullmatch(key):
        kind, level, name = match.groups()
        return f"{HEAD}.{level}.{IMPLICIT.get(kind, f'conv.{name}')}"
    rest = UNIT.sub("", key)
    branch, _, within = rest.partition(".")
    if branch in BRANCHES:
        rest = f"branches.{BRANCHES[branch]}.{within}"
    return f"{layers.get(unit_of(key))}.{rest}"


def our_parts(size: str) -> nn.Module:
    """What comes before the head, without storage for its weights."""
    with torch.device("meta"):
        return nn.ModuleDict({"backbone": YOLOv7Backbone(size), "neck": YOLOv7PAFPN([8] * 3, [8] * 3, size)})


def layer_names(parts: nn.Module, size: str) -> list[str]:
    """Our convolutions before the head, in the order in which the release numbers its own."""
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
