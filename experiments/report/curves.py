"""Learning curves: the same figure against characters seen, against seconds and against FLOPs."""

import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from experiments.report.fields import figure, items
from experiments.report.formats import count
from experiments.report.palette import colors

AXES = {"chars": "training characters seen", "seconds": "seconds of training", "flops": "FLOPs of training"}


def draw_curves(results: dict[str, Any]) -> bytes:
    """A PNG: one line a seed, from what results.json holds; FLOPs where they were counted."""
    models = results["models"]
    units = [unit for unit in AXES if unit != "flops" or any(figure(m, "flops_per_char") for m in models.values())]
    picture = Figure(figsize=(1 + 4 * len(units), 3.6), layout="constrained")
    axes = picture.subplots(1, len(units), sharey=True)
    for name, color in colors(models).items():
        for i, record in enumerate(items(models[name], "seeds")):
            curve = items(record, "curve")
            style = {"color": color, "marker": "o", "markersize": 3, "label": None if i else name}
            for axis, unit in zip(axes, units, strict=True):
                axis.plot(_along(curve, unit, models[name]), _along(curve, "valid_bits_per_char"), **style)
    chars = figure(results, "terms", "curve_chars")
    held_out = f",\nfirst {count(chars)} characters of validation" if chars else " of validation"
    axes[0].set(ylabel=f"bits per character{held_out}")
    for axis, unit in zip(axes, units, strict=True):
        axis.set(xlabel=AXES[unit])
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    if axes[0].has_data():
        axes[0].legend(frameon=False)
    drawn = io.BytesIO()
    picture.savefig(drawn, dpi=150, format="png")
    return drawn.getvalue()


def _along(curve: list[Any], unit: str, model: dict[str, Any] | None = None) -> list[float]:
    """That figure at each point; not a number where it was not measured."""
    each = 1.0 if unit != "flops" else figure(model, "flops_per_char")
    values = (figure(point, "chars" if unit == "flops" else unit) for point in curve)
    return [np.nan if value is None or each is None else each * value for value in values]
