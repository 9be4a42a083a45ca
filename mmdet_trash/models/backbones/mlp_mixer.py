from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from mmcv.cnn.bricks import DropPath
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_trash.registry import MODELS


@MODELS.register_module()
class MLPMixer(BaseModule):
    """`MLP-Mixer <https://arxiv.org/abs/2105.01601>`_ as a detector's backbone: four stages, images of any size.

    A layer is the paper's (its equation 1): one perceptron mixes the tokens of each channel, another the channels of
    each token. The paper's tokens are all of an image's, so that its weights fit one image size, and there is one
    stride. Here, unlike there,

    - tokens are mixed within windows of `window_size` x `window_size`, those at the border filled up with zeros; every
      second layer's windows are shifted by half, so that what one sees reaches the next;
    - there are stages of stride 4, 8, 16 and 32; 2 x 2 tokens become one between them;
    - a norm follows each stage that comes out.

    Args:
        embed_dims: channels of each stage.
        depths: layers of each stage.
        window_size: of the windows, in tokens.
        token_ratio: how many times more hidden units than tokens the first perceptron has; the paper's have about 2.
        channel_ratio: how many times more hidden units than channels the second has.
        drop_path_rate: of the last layer; rises to that from 0.
        out_indices: which stages come out; stage i has stride `4 * 2**i`.
        frozen_stages: how many of the stages keep their weights, the first for 0: -1 for none.
        init_cfg: as for any module of MMEngine.

    Example:
        >>> maps = MLPMixer([8, 16, 24, 32], [1, 1, 2, 1])(torch.zeros(1, 3, 100, 70))
        >>> [tuple(m.shape) for m in maps]
        [(1, 8, 25, 18), (1, 16, 13, 9), (1, 24, 7, 5), (1, 32, 4, 3)]
    """

    def __init__(
        self,
        embed_dims: Sequence[int] = (96, 192, 384, 768),
        depths: Sequence[int] = (2, 2, 6, 2),
        window_size: int = 8,
        token_ratio: float = 2.0,
        channel_ratio: float = 4.0,
        drop_path_rate: float = 0.1,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.out_indices, self.frozen_stages = tuple(out_indices), frozen_stages
        rates = [drop_path_rate * number / max(1, sum(depths) - 1) for number in range(sum(depths))]
        self.stages = ModuleList()
        for (before, channels), depth in zip(pairwise([3, *embed_dims]), depths, strict=True):
            layers = [
                MixerLayer(channels, window_size, token_ratio, channel_ratio, rates.pop(0), shifted=number % 2 == 1)
                for number in range(depth)
            ]
            self.stages.append(nn.Sequential(Patches(before, channels, 2 if self.stages else 4), *layers))
        self.norms = nn.ModuleDict({str(index): nn.LayerNorm(embed_dims[index]) for index in out_indices})
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn images (N, 3, H, W) into maps, the finest first; sides are rounded up."""
        x, maps = x.permute(0, 2, 3, 1), []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.out_indices:
                maps.append(self.norms[str(index)](x).permute(0, 3, 1, 2).contiguous())
        return tuple(maps)

    def train(self, mode: bool = True) -> "MLPMixer":
        """Switch between training and inference; frozen stages stay as they are."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        for stage in self.stages[: self.frozen_stages + 1]:
            stage.eval().requires_grad_(False)


class Patches(nn.Module):
    """Turns every square of tokens into one, linearly, then a norm; those at the border are filled up with zeros.

    Args:
        in_channels: of a token.
        out_channels: of what comes out.
        size: of a square's side.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.linear = nn.Linear(size * size * in_channels, out_channels)
        self.norm = nn.LayerNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, H, W, in_channels) into (N, H / size, W / size, out_channels), rounded up."""
        return self.norm(self.linear(windows_of(x, self.size).flatten(3)))


class MixerLayer(nn.Module):
    """Mixes the tokens of each channel within windows, then the channels of each token.

    Args:
        channels: of a token.
        window_size: of the windows, in tokens.
        token_ratio: as in :class:`MLPMixer`.
        channel_ratio: as in :class:`MLPMixer`.
        drop_path_rate: how often a perceptron is left out for an image in training.
        shifted: whether the first window begins half a window before the border.
    """

    def __init__(
        self,
        channels: int,
        window_size: int,
        token_ratio: float = 2.0,
        channel_ratio: float = 4.0,
        drop_path_rate: float = 0.0,
        shifted: bool = False,
    ) -> None:
        super().__init__()
        self.window_size, self.shift = window_size, window_size // 2 if shifted else 0
        self.token_norm, self.channel_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.mix_tokens = _perceptron(window_size**2, token_ratio)
        self.mix_channels = _perceptron(channels, channel_ratio)
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Turn tokens (N, H, W, C) into others."""
        windows = windows_of(self.token_norm(x), self.window_size, self.shift)
        mixed = self.mix_tokens(windows.transpose(3, 4)).transpose(3, 4)
        x = x + self.drop_path(tokens_of(mixed, x.shape[1:3], self.window_size, self.shift))
        return x + self.drop_path(self.mix_channels(self.channel_norm(x)))


def windows_of(x: Tensor, size: int, shift: int = 0) -> Tensor:
    """Cut tokens (N, H, W, C) into windows (N, rows, columns, size * size, C), filled up with zeros at the border.

    Args:
        x: the tokens.
        size: of a window's side.
        shift: how far the first window begins before the first token.
    """
    height, width = x.shape[1:3]
    x = F.pad(x, (0, 0, shift, -(width + shift) % size, shift, -(height + shift) % size))
    x = x.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    return x.transpose(2, 3).flatten(3, 4)


def tokens_of(windows: Tensor, shape: torch.Size, size: int, shift: int = 0) -> Tensor:
    """Put windows together again, without what they were filled up with: :func:`windows_of` undone.

    Args:
        windows: (N, rows, columns, size * size, C).
        shape: height and width of what comes out.
        size: of a window's side.
        shift: as for :func:`windows_of`.
    """
    x = windows.unflatten(3, (size, size)).transpose(2, 3).flatten(3, 4).flatten(1, 2)
    return x[:, shift : shift + shape[0], shift : shift + shape[1]]


def _perceptron(width: int, ratio: float) -> nn.Sequential:
    hidden = int(width * ratio)
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
