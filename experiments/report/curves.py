"""Learning curves: the same figure against characters seen and against seconds."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

COLORS = {"char": "#0072b2", "word": "#d55e00"}


def draw_curves(results: dict[str, Any], path: Path) -> None:
    """One line a seed, from what results.json holds."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for name, model in results["models"].items():
        for i, record in enumerate(model["seeds"]):
            bits = [np.nan if y is None else y for y in (point["valid_bits_per_char"] for point in record["curve"])]
            for axis, field in zip(axes, ("chars", "seconds"), strict=True):
                x = [point[field] for point in record["curve"]]
                axis.plot(x, bits, color=COLORS[name], marker="o", markersize=3, label=None if i else name)
    label = f"bits per character,\nfirst {results['terms']['curve_chars']:,} characters of validation"
    axes[0].set(xlabel="training characters seen", ylabel=label)
    axes[0].xaxis.set_major_formatter(EngFormatter(sep=""))
    axes[1].set(xlabel="seconds of training")
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=150)
