from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModule, ModuleDict
from torch import Tensor

from mmdet_trash.errors import InputError
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class LevelPlugins(BaseModule):
    """Puts a layer on maps of a pyramid, each map's with weights of its own: the second of a config's list of necks.

    Args:
        in_channels: of every map.
        num_levels: of the pyramid.
        plugin: the layer, any of those that a ResNet's `plugins` name; it keeps a map's shape.
        levels: which maps, from the finest (0) or from the coarsest (-1); all unless given.
        init_cfg: as for any module of MMEngine.

    Raises:
        InputError: for a level that the pyramid does not have.

    Example:
        >>> neck = LevelPlugins(8, num_levels=2, plugin=dict(type="CBAM"), levels=[-1])
        >>> [tuple(m.shape) for m in neck([torch.zeros(1, 8, 6, 6), torch.zeros(1, 8, 3, 3)])]
        [(1, 8, 6, 6), (1, 8, 3, 3)]
    """

    def __init__(
        self,
        in_channels: int,
        num_levels: int,
        plugin: dict[str, Any],
        levels: Sequence[int] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        levels = range(num_levels) if levels is None else levels
        if wrong := [level for level in levels if not -num_levels <= level < num_levels]:
            raise InputError(f"levels: {wrong[0]} is none of the pyramid's {num_levels}")
        self.plugins = ModuleDict(
            {str(level % num_levels): MODELS.build({**plugin, "in_channels": in_channels}) for level in levels}
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Turn a pyramid of maps (N, in_channels, H, W), from the finest, into another of their shapes."""
        levels = (str(level) for level in range(len(maps)))
        return tuple(
            self.plugins[level](x) if level in self.plugins else x for level, x in zip(levels, maps, strict=True)
        )
