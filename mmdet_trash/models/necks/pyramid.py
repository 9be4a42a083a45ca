from collections.abc import Iterable

from torch import Tensor


class Pyramid(tuple[Tensor, ...]):
    """A neck's maps, the tuple that every head expects, with the laterals they were made from beside them.

    Attributes:
        laterals: one (N, C, H, W) for each backbone level that the neck uses, from the finest.
    """

    laterals: tuple[Tensor, ...]

    @classmethod
    def of(cls, outs: Iterable[Tensor], laterals: Iterable[Tensor]) -> "Pyramid":
        """Put laterals beside a neck's maps."""
        pyramid = cls(outs)
        pyramid.laterals = tuple(laterals)
        return pyramid
