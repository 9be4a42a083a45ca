"""A network's numbers are float32; what keeps them that through files that say more digits or other corners."""

import numpy as np


def single(values: np.ndarray) -> np.ndarray:
    """Values as float32; one too large for it is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def shortest(values: np.ndarray) -> np.ndarray:
    """Values as the float32 they were, if they were, which are written with the fewest digits that give them back."""
    rounded = single(values)
    return rounded if np.array_equal(rounded, values) else values


def xyxy_of(boxes_xywh: np.ndarray) -> np.ndarray:
    """Corners of (N, 4) float64 boxes, float32 corners exactly as they were before width and height were taken.

    `x + width` rounds, so beside an `x` of many digits it may miss the corner by a bit; the float32 next to it is the
    corner if it gives the width. (A width in which a corner was too small to leave a trace, as 1e-30 beside -50,
    cannot give it back.) A box beyond the largest number gets an infinite corner.
    """
    boxes = boxes_xywh.copy()
    start, extent = boxes_xywh[:, :2], boxes_xywh[:, 2:]
    with np.errstate(over="ignore", invalid="ignore"):
        end = start + extent
        rounded = single(end).astype(np.float64)
        boxes[:, 2:] = np.where(rounded - start == extent, rounded, end)
    return boxes
