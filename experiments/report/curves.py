"""Learning curves: the same figure against characters seen and against seconds."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import EngFormatter

COLORS = {"char": "#0072b2", "word": "#d55e00"}


def draw_curves(curves: dict[str, Sequence[Sequence]], path: Path) -> None:
    """One line a seed; `curves` maps a model's name to the learning curves of its seeds."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for name, runs in curves.items():
        for i, points in enumerate(runs):
            bits = [point.valid_bits_per_char for point in points]
            for axis, field in zip(axes, ("chars", "seconds"), strict=True):
                x = [getattr(point, field) for point in points]
                label = name if i == 0 else None
                axis.plot(x, bits, color=COLORS[name], marker="o", markersize=3, label=label)
    axes[0].set(xlabel="training characters seen", ylabel="validation bits per character")
    axes[0].xaxis.set_major_formatter(EngFormatter(sep=""))
    axes[1].set(xlabel="seconds of training")
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
