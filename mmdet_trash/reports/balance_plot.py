"""A picture of how evenly folds share out the classes."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mmdet_trash.datasets.folds import Balance
from mmdet_trash.files import atomic_write


def plot_balance(found: Balance, path: str | Path) -> None:
    """Draw, a class a row, how far each fold's validation boxes are from their share, as a PNG.

    Raises:
        OSError: when it cannot be written.
    """
    figure = Figure(figsize=(8, 1 + 0.4 * len(found.classes)), layout="constrained")
    axes = figure.subplots()
    for fold, deviation in enumerate(found.deviation):
        height = 0.6 * ((fold + 0.5) / len(found.deviation) - 0.5)
        axes.plot(100 * deviation, np.arange(len(found.classes)) + height, "o", markersize=5, label=f"fold {fold}")
    axes.set_yticks(
        range(len(found.classes)),
        [f"{name} ({count})" for name, count in zip(found.classes, found.boxes, strict=True)],
    )
    axes.invert_yaxis()
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("validation boxes over their share, %")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=120)
