"""The cost of two ways to the same rows, against the size of the vocabulary: a table and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from experiments.report.formats import show_bytes

COLUMNS = ("one-hot", "look-up", "ratio")
PASSES = {"forward": "forward", "backward": "forward and backward"}


class Row(NamedTuple):
    """One function at one vocabulary size."""

    vocab_size: int
    way: str
    direction: str
    memory_bytes: int
    """Temporary values and results, as XLA plans them."""
    seconds: list[float]
    """Every timing; empty where the function was not run."""
    skipped: str
    """Why it was not run, or nothing."""


def spread(seconds: list[float]) -> tuple[float, float]:
    """The median, and half the distance of the quartiles."""
    low, median, high = np.percentile(seconds, (25, 50, 75)).tolist()
    return median, (high - low) / 2


def table_of(rows: Sequence[Row], direction: str, title: str) -> Table:
    """One line a vocabulary size: time and memory of both ways, and their ratio."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for heading in ("\nV", *(f"{what}\n{way}" for what in ("time", "memory") for way in COLUMNS)):
        table.add_column(heading, justify="right", no_wrap=True)
    found = {(row.vocab_size, row.way): row for row in rows if row.direction == direction}
    for vocab_size in dict.fromkeys(row.vocab_size for row in rows):
        product, look_up = found[vocab_size, "one_hot"], found[vocab_size, "lookup"]
        more = product.memory_bytes / look_up.memory_bytes
        table.add_row(
            f"{vocab_size:,}",
            show_time(product),
            show_time(look_up),
            show_ratio(product, look_up),
            show_bytes(product.memory_bytes),
            show_bytes(look_up.memory_bytes),
            f"{more:,.1f}" if more < 100 else f"{more:,.0f}",
        )
    return table


def show_time(row: Row) -> str:
    """Median and spread with a unit, or a dash."""
    if not row.seconds:
        return "–"
    median, half = spread(row.seconds)
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if median * scale >= 1:
            return f"{median * scale:.3g} {unit} ±{half / median:.0%}"
    return f"{median * 1e6:.3g} µs ±{half / median:.0%}"


def show_ratio(product: Row, look_up: Row) -> str:
    """How many times longer the product takes, or a dash."""
    if not (product.seconds and look_up.seconds):
        return "–"
    times = spread(product.seconds)[0] / spread(look_up.seconds)[0]
    return f"{times:.1f}" if times < 100 else f"{times:,.0f}"


def draw_costs(rows: Sequence[Row], title: str, memory_gib: float, path: Path) -> None:
    """Time on the left, memory on the right, against the vocabulary size, all axes logarithmic."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for way, colour in (("one_hot", "tab:red"), ("lookup", "tab:blue")):
        for direction, line in (("forward", "-"), ("backward", "--")):
            some = [row for row in rows if (row.way, row.direction) == (way, direction)]
            style = {"color": colour, "linestyle": line, "marker": "o", "label": f"{way}, {PASSES[direction]}"}
            if timed := [row for row in some if row.seconds]:
                draw_times(left, timed, style)
            right.plot([row.vocab_size for row in some], [row.memory_bytes / 2**20 for row in some], **style)
    budget = right.axhline(memory_gib * 2**10, color="0.6", linestyle=":", label="--memory-gib")
    for ax, label in ((left, "milliseconds (median and quartiles)"), (right, "MiB beside the table")):
        ax.set(xscale="log", yscale="log", xlabel="vocabulary size V", ylabel=label)
        ax.grid(color="0.9")
    if left.has_data():
        left.legend(loc="upper left")
    right.legend(handles=[budget], loc="center left")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)


def draw_times(ax: Axes, rows: list[Row], style: dict[str, Any]) -> None:
    """Medians with the quartiles as error bars, in milliseconds."""
    quartiles = np.array([np.percentile(row.seconds, (25, 50, 75)) for row in rows]).reshape(-1, 3) * 1e3
    low, median, high = quartiles.T
    ax.errorbar([row.vocab_size for row in rows], median, yerr=[median - low, high - median], capsize=3, **style)
