"""Times and ratios of a training step, in a table and a bar chart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich import box
from rich.table import Table

COLORS = {
    "torch": "#d55e00",
    "flax": "#009e73",
    "haiku": "#cc79a7",
    "naive": "#999999",
    "cudnn": "#0072b2",
    "ours_float32": "#e69f00",
}
NAMES = {"ours_float32": "f32"}


def speed_table(rows: Sequence[dict[str, Any]], title: str) -> Table:
    """One line a cell and size: our milliseconds and share of the peak, and how much slower each other program is."""
    others = _programs(rows)
    table = Table(title=title, box=box.SIMPLE_HEAD, show_edge=False, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("\n", no_wrap=True)
    for heading in ("\nms", "\ntokens/s", "of\npeak", *(f"{NAMES.get(name, name)} /\nours" for name in others)):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"{row['cell']} {row['size']}",
            f"{row['ms']['ours']:.1f}",
            f"{row['tokens_per_second']:,.0f}",
            f"{row['fraction_of_peak']:.0%}",
            *(_ratio(row, name) for name in others),
        )
    return table


def _programs(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [name for name in COLORS if any(name in row["ratio_to"] for row in rows)]


def _ratio(row: dict[str, Any], name: str) -> str:
    if name not in row["ratio_to"]:
        return ""
    low, high = row["ratio_quartiles"][name]
    return f"{row['ratio_to'][name]:.2f}±" + f"{(high - low) / 2:.2f}".removeprefix("0")


def draw_ratios(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """One panel a precision and setting; bars above the line are programs slower than ours."""
    panels = list(dict.fromkeys((row["precision"], row["setting"]) for row in rows))
    figure = Figure(figsize=(10, 3.2 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, (precision, setting) in zip(axes, panels, strict=True):
        some = [row for row in rows if (row["precision"], row["setting"]) == (precision, setting)]
        others = _programs(some)
        width = 0.8 / len(others)
        for i, name in enumerate(others):
            heights = [row["ratio_to"].get(name, 0) for row in some]
            places = [n + width * (i - (len(others) - 1) / 2) for n in range(len(some))]
            axis.bar(places, heights, 0.9 * width, color=COLORS[name], label=NAMES.get(name, name))
        axis.axhline(1, color="black", linewidth=0.8)
        axis.set_xticks(range(len(some)), [f"{row['cell']} {row['size']}" for row in some])
        axis.set(ylabel="their time / ours", title=f"{precision}, {setting}")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, ncols=len(others), loc="upper left", bbox_to_anchor=(0, -0.12))
    figure.savefig(path, dpi=120)
