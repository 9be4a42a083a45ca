"""A picture of out-of-fold scores beside the leaderboard's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mmdet_trash.files import atomic_write


def plot_ledger(points: Sequence[tuple[float, float, str]], board: str, path: str | Path) -> None:
    """Draw a point a submission, and the straight line nearest to them, as a PNG.

    Args:
        points: out-of-fold score, leaderboard score and file of each.
        board: name of the leaderboard.
        path: file to write.

    Raises:
        OSError: when it cannot be written.
    """
    cv, lb = np.array([point[:2] for point in points], dtype=np.float64).T
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    axes.plot(cv, lb, "o")
    for x, y, name in points:
        axes.annotate("/".join(Path(name).parts[-2:]), (x, y), xytext=(5, 5), textcoords="offset points", fontsize=8)
    if len(np.unique(cv)) > 1:
        slope, intercept = np.polyfit(cv, lb, 1)
        ends = np.array([cv.min(), cv.max()])
        correlation = np.corrcoef(cv, lb)[0, 1] if len(np.unique(lb)) > 1 else float("nan")
        axes.plot(ends, slope * ends + intercept, "--", color="grey", label=f"correlation {correlation:.2f}")
        axes.legend(frameon=False)
    axes.set_xlabel("out-of-fold mAP50")
    axes.set_ylabel(f"{board} leaderboard")
    axes.grid(alpha=0.3)
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=120)
