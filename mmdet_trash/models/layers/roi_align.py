from typing import Any

import torch
from mmcv import ops
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.errors import InputError


class RoIAlign(ops.RoIAlign):
    """mmcv's `RoIAlign`, on a CPU many times as fast where each bin has a fixed number of samples.

    A bin is a weighted sum of pixels, with weights that are the same for every channel. They are found once, and
    pixels that are rows of channels are summed, by PyTorch's bags of embeddings; the gradient is the same sum the
    other way round. On a GPU, or with `sampling_ratio=0` or `pool_mode="max"`, mmcv's operator is used. The operator is
    that of `Mask R-CNN <https://arxiv.org/abs/1703.06870>`_, section 3.

    Args:
        output_size: height and width of the result, or one number for both.
        spatial_scale: size of the map's pixel grid as a share of the image's.
        sampling_ratio: samples along each side of a bin.
        pool_mode: `"avg"` or `"max"`.
        aligned: whether pixels' centres, not their corners, are at whole coordinates.

    Raises:
        InputError: for a RoI that is inside out or not a number.
    """

    def forward(self, input: Tensor, rois: Tensor) -> Tensor:
        """Pool (N, C, H, W) to (n, C, h, w) for RoIs (n, 5): image index, x1, y1, x2, y2 in pixels of the image."""
        plain = input.device.type == "cpu" and input.dtype in (torch.float32, torch.float64)
        if not (plain and self.sampling_ratio > 0 and self.pool_mode == "avg"):
            return super().forward(input, rois)
        return _PoolPixels.apply(input, rois, self)


class _PoolPixels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, rois: Tensor, layer: RoIAlign) -> Tensor:
        ctx.shape, ctx.layer = images.shape, layer
        ctx.save_for_backward(rois)
        pixels, weights = _bilinear_weights(layer, rois, images.shape)
        rows = images.detach().permute(0, 2, 3, 1).reshape(-1, images.shape[1]).contiguous()
        pooled = F.embedding_bag(pixels, rows, mode="sum", per_sample_weights=weights)
        return pooled.view(len(rois), *layer.output_size, images.shape[1]).permute(0, 3, 1, 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        num_images, channels, height, width = ctx.shape
        pixels, weights = _bilinear_weights(ctx.layer, *ctx.saved_tensors, ctx.shape)
        order = pixels.flatten().argsort()
        counts = pixels.flatten().bincount(minlength=num_images * height * width)
        rows = F.embedding_bag(
            order // pixels.shape[1],
            grad.permute(0, 2, 3, 1).reshape(-1, channels).contiguous(),
            counts.cumsum(0) - counts,
            mode="sum",
            per_sample_weights=weights.flatten()[order],
        )
        return rows.view(num_images, height, width, channels).permute(0, 3, 1, 2), None, None


def _bilinear_weights(layer: RoIAlign, rois: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Pixels that each bin reads, and their bilinear weights.

    Returns:
        Indices into the pixels of all images, and weights, both (n·h·w, k) for n RoIs of h·w bins.
    """
    _, _, height, width = shape
    boxes = rois[:, 1:] * layer.spatial_scale - 0.5 * layer.aligned
    sides = boxes[:, 2:] - boxes[:, :2]
    if not layer.aligned:
        sides = sides.clamp(min=1)
    if not (sides >= 0).all():
        raise InputError("rois: a RoI is inside out or not a number; x1 <= x2 and y1 <= y2 are right")
    rows, columns = layer.output_size
    y, y_weights = _bilinear_weights_along(boxes[:, 1], sides[:, 1] / rows, rows, layer.sampling_ratio, height)
    x, x_weights = _bilinear_weights_along(boxes[:, 0], sides[:, 0] / columns, columns, layer.sampling_ratio, width)
    y = y + (rois[:, 0].long() * height)[:, None, None]
    pixels = y[:, :, None, :, None] * width + x[:, None, :, None, :]
    weights = y_weights[:, :, None, :, None] * x_weights[:, None, :, None, :]
    count = (2 * layer.sampling_ratio) ** 2
    return pixels.reshape(-1, count), weights.reshape(-1, count)


def _bilinear_weights_along(start: Tensor, side: Tensor, bins: int, samples: int, size: int) -> tuple[Tensor, Tensor]:
    """Along one axis: the two pixels about each sample of each bin, and their shares of the bin.

    Args:
        start: (n,) of the RoIs, in pixels of the map.
        side: (n,) of a bin.
        bins: of a RoI.
        samples: of a bin.
        size: of the map.

    Returns:
        Indices and weights, both (n, bins, 2·samples).
    """
    bin_starts = start[:, None] + torch.arange(bins) * side[:, None]
    at = bin_starts[:, :, None] + (torch.arange(samples) + 0.5) * side[:, None, None] / samples
    inside = (at >= -1) & (at <= size)
    at = at.clamp(0, size - 1)
    low = at.long()
    share = at - low
    pixels = torch.stack([low, (low + 1).clamp(max=size - 1)], -1)
    weights = torch.stack([1 - share, share], -1) * inside[..., None] / samples
    return pixels.view(len(start), bins, 2 * samples), weights.view(len(start), bins, 2 * samples)
