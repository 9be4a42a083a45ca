"""What a check is given to look at."""

from dataclasses import dataclass
from typing import Any

from mmdet_trash.engine.lint.chain import Chain
from mmdet_trash.engine.lint.finding import Finding, Steps
from mmdet_trash.engine.lint.places import Traced


@dataclass(frozen=True)
class Subject:
    """A config, and what it is meant for.

    Attributes:
        chain: the config with its bases.
        image_size: width and height of the images in pixels.
        data_root: the folder of the data, if the config is held to it.
    """

    chain: Chain
    image_size: tuple[int, int]
    data_root: str | None = None

    @property
    def cfg(self) -> Traced:
        """The whole config, merged."""
        return self.chain.cfg

    def at(self, path: Steps) -> Any:
        """The value of a path; None if there is none."""
        node: Any = self.cfg
        for step in path:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return None
        return node

    def finding(self, path: Steps, what: str, right: str) -> Finding:
        """A fault of the value of a path."""
        return Finding(self.chain.place(path), what, right)
