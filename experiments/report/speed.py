"""Times and ratios of a training step, in a table and a bar chart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich import box
from rich.table import Table

COLORS = {"torch": "#d55e00", "flax": "#009e73", "haiku": "#cc79a7", "naive": "#999999"}


def speed_table(rows: Sequence[dict[str, Any]], title: str) -> Table:
    """One line a cell and size: our milliseconds and share of the peak, and how much slower each other program is."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("\n", no_wrap=True)
    for heading in ("\nms", "\ntokens/s", "of\npeak", *(f"{name} /\nours" for name in COLORS)):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"{row['cell']} {row['size']}",
            f"{row['ms']['ours']:.1f}",
            f"{row['tokens_per_second']:,.0f}",
            f"{row['fraction_of_peak']:.0%}",
            *(_ratio(row, name) for name in COLORS),
        )
    return table


def _ratio(row: dict[str, Any], name: str) -> str:
    low, high = row["ratio_quartiles"][name]
    return f"{row['ratio_to'][name]:.2f} ±{(high - low) / 2:.2f}"


def draw_ratios(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """One panel a precision and setting; bars above the line are programs slower than ours."""
    panels = list(dict.fromkeys((row["precision"], row["setting"]) for row in rows))
    figure = Figure(figsize=(10, 3.2 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, (precision, setting) in zip(axes, panels, strict=True):
        some = [row for row in rows if (row["precision"], row["setting"]) == (precision, setting)]
        for i, (name, color) in enumerate(COLORS.items()):
            heights = [row["ratio_to"][name] for row in some]
            axis.bar([n + 0.2 * (i - 1.5) for n in range(len(some))], heights, 0.18, color=color, label=name)
        axis.axhline(1, color="black", linewidth=0.8)
        axis.set_xticks(range(len(some)), [f"{row['cell']} {row['size']}" for row in some])
        axis.set(ylabel="their time / ours", title=f"{precision}, {setting}")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, ncols=len(COLORS))
    figure.savefig(path, dpi=120)
