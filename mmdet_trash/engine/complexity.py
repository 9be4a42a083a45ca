"""How large and how costly a config's detector is, found without running it."""

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple
from unittest.mock import patch

import mmcv._ext
import torch
from mmcv.ops import multi_scale_deform_attn
from mmdet.structures import DetDataSample
from mmengine.config import Config
from torch import Tensor, nn
from torch.fx.experimental import _config as fx_config
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import FlopCounterMode

from mmdet_trash.engine.config import walk
from mmdet_trash.engine.runner import build_model
from mmdet_trash.errors import InputError

LOGGER = logging.getLogger(__name__)
CPU, META = torch.device("cpu"), torch.device("meta")


class Complexity(NamedTuple):
    """What one image costs a detector.

    Attributes:
        size: width and height of the image, in pixels, as the detector pads it.
        parameters: numbers that it learns, those of parts that only training uses among them.
        macs: multiply-accumulates of the forward pass; None where they cannot be counted.
    """

    size: tuple[int, int]
    parameters: int
    macs: int | None


def complexity(cfg: Config, size: tuple[int, int] | None = None) -> Complexity:
    """Count a detector's parameters and the multiply-accumulates of its forward pass over one image.

    PyTorch's own counter watches convolutions and products of matrices; tensors have shapes and no data, so nothing is
    computed. Where data would decide, the most work is taken: suppression keeps every box, so that a second stage sees
    the `max_per_img` proposals of `test_cfg.rpn`, or as many as there are anchors. A deformable convolution counts as
    an ordinary one of its shape, deformable attention by its weighted sums. Not counted are normalisation, activations,
    pooling and interpolation (RoIAlign's too), and what turns outputs into boxes.

    Args:
        cfg: the config; it is not changed.
        size: width and height of the image in pixels; that of :func:`image_size` without.

    Raises:
        InputError: when the config has no model or a wrong one, or tells no size.
    """
    if not cfg.get("model"):
        raise InputError("config: it has no model")
    width, height = size or image_size(cfg)
    cfg = copy.deepcopy(cfg)
    if rpn := (cfg.model.get("test_cfg") or {}).get("rpn"):
        rpn.min_bbox_size = -1  # no box is looked at
    with META, _NumbersOfLinspace():
        model = build_model(cfg).eval().requires_grad_(False)
    divisor = getattr(model.data_preprocessor, "pad_size_divisor", 1)
    width, height = (-(-side // divisor) * divisor for side in (width, height))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Complexity((width, height), parameters, _count(model, width, height))


def image_size(cfg: Config) -> tuple[int, int]:
    """Width and height, in pixels, that a config resizes an image to before it is validated.

    Raises:
        InputError: when it does not.
    """
    for step in walk([cfg.get("val_dataloader"), cfg.get("test_pipeline")]):
        if step.get("type") == "Resize" and isinstance(step.get("scale"), (list, tuple)):
            width, height = step["scale"]
            return width, height
    raise InputError("config: it validates without a Resize to a width and height; --size says how large an image is")


def blank_sample(width: int, height: int) -> DetDataSample:
    """What a detector is told of an image that has its size already."""
    shape = (height, width)
    whole = {"ori_shape": shape, "img_shape": shape, "pad_shape": shape, "batch_input_shape": shape}
    return DetDataSample(metainfo={**whole, "scale_factor": (1.0, 1.0)})


def _count(model: nn.Module, width: int, height: int) -> int | None:
    counter = FlopCounterMode(display=False)
    image = torch.empty(1, 3, height, width, device=META)
    try:
        with _stand_ins(), _ShapesOnly(), counter:
            model(image, [blank_sample(width, height)], mode="tensor")
    except RuntimeError as error:
        LOGGER.warning("%s: cannot be counted: %s", type(model).__name__, str(error).split("\n")[0])
        return None
    return counter.get_total_flops() // 2


class _NumbersOfLinspace(TorchFunctionMode):
    """Keeps the numbers of `linspace` where a model is built without data: backbones read their drop rates from it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        default = {"device": CPU} if func is torch.linspace else {}
        return func(*args, **{**default, **(kwargs or {})})


class _ShapesOnly(TorchDispatchMode):
    """Computes the shape of what comes of the image and the weights, and the numbers of what comes of constants.

    The code asks for such numbers, how large each level of a pyramid is, say. A tensor made of constants is therefore
    real, whatever device is named for it, until it meets one without data.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        without_data = any(isinstance(leaf, Tensor) and leaf.is_meta for leaf in tree_leaves((args, kwargs)))
        if kwargs.get("device") is not None:
            kwargs["device"] = META if without_data else CPU
        if without_data:
            args, kwargs = tree_map_only(Tensor, lambda x: x.to(META) if x.ndim else x, (args, kwargs))
        return func(*args, **kwargs)


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Do without mmcv's compiled operators, which want data: outputs are of their shapes, costs are counted."""
    with (
        patch.multiple(
            mmcv._ext,
            nms=lambda boxes, scores, **settings: torch.arange(len(boxes)),
            # An output is given to each of the others.
            roi_align_forward=lambda *tensors, **settings: None,
            deform_conv_forward=_deform_conv,
            modulated_deform_conv_forward=_modulated_deform_conv,
        ),
        patch.object(multi_scale_deform_attn, "multi_scale_deformable_attn_pytorch", _deformable_attention),
        # Of a mask without data, all is true.
        fx_config.patch(meta_nonzero_assume_all_nonzero=True),
        # Mixed precision does not know tensors without data.
        patch.object(torch, "autocast", lambda *args, **kwargs: nullcontext()),
    ):
        yield


def _deform_conv(image: Tensor, weight: Tensor, offset: Tensor, output: Tensor, *rest: Any, **settings: Any) -> None:
    _sums_of(output, weight[0].numel())


def _modulated_deform_conv(
    image: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    *rest: Any,
    **settings: Any,
) -> None:
    _sums_of(output, weight[0].numel())


def _deformable_attention(value: Tensor, shapes: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    images, queries, heads, levels, points = weights.shape
    output = value.new_empty(images, queries, heads * value.shape[-1])
    _sums_of(output, levels * points)
    return output


def _sums_of(output: Tensor, products: int) -> None:
    """Multiply as much as an output takes, each of whose numbers is a sum of so many products."""
    output.new_empty(output.numel(), products) @ output.new_empty(products, 1)
