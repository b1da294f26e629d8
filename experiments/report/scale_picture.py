"""Speed and memory against devices, streams and vocabulary: what was measured as lines, what was predicted as rings."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, LogLocator, NullLocator

COLORS = {"data": "#0072b2", "vocab": "#d55e00"}
NAMES = {"data": "streams shared", "vocab": "vocabulary shared"}
WRITTEN_OUT = FuncFormatter(lambda y, _: f"{y:,.0f}")
Row = dict[str, Any]


def draw_scale(report: dict[str, Any], path: Path) -> None:
    """Four panels in a PNG."""
    figure = Figure(figsize=(10, 7.4), layout="constrained")
    (devices, batch), (vocabulary, memory) = figure.subplots(2, 2)
    _tokens(devices, report["rows"]["devices"], lambda work: work["data"], "devices, which share the streams")
    _tokens(batch, report["rows"]["batch"], lambda work: work["B"], "streams, over all devices")
    _seconds(vocabulary, report["rows"]["vocabulary"])
    _memory(memory, report["shards"])
    figure.suptitle("A training step: measured (lines) and predicted from sizes (rings)")
    figure.savefig(path, dpi=130)


def _tokens(ax: Axes, rows: Sequence[Row], place: Callable[[Row], int], label: str) -> None:
    """Tokens a second, with quartiles."""
    x, tokens = [place(row["work"]) for row in rows], [row["work"]["B"] * row["work"]["T"] for row in rows]
    _measured(ax, x, [n / row["median"] for n, row in zip(tokens, rows, strict=True)], "data")
    spread = [[n / taken for taken in row["quartiles"]] for n, row in zip(tokens, rows, strict=True)]
    ax.vlines(x, *zip(*spread, strict=True), color=COLORS["data"])
    predicted = [n / row["predicted"]["total_seconds"] for n, row in zip(tokens, rows, strict=True)]
    _predicted(ax, x, predicted, "data")
    top = 1.1 * max(*predicted, *(max(pair) for pair in spread))
    ax.set(xlabel=label, ylabel="tokens a second", xscale="log", ylim=(0, top))
    ax.yaxis.set_major_formatter(WRITTEN_OUT)
    _ticks(ax, x)


def _seconds(ax: Axes, rows: Sequence[Row]) -> None:
    """Of a step, for either way to share; on one device there is but one."""
    for axis in ("data", "vocab"):
        some = [row for row in rows if row["work"]["vocab" if axis == "data" else "data"] == 1]
        x = [row["work"]["V"] for row in some]
        _measured(ax, x, [1e3 * row["median"] for row in some], axis)
        _predicted(ax, x, [1e3 * row["predicted"]["total_seconds"] for row in some], axis)
    ax.set(xlabel="vocabulary", ylabel="milliseconds a step", xscale="log", yscale="log")
    _finish(ax)
    _ticks(ax, sorted({row["work"]["V"] for row in rows}))


def _memory(ax: Axes, shards: dict[str, list[Row]]) -> None:
    """Planned bytes a device; dashed, those of one alone over their number."""
    for axis, rows in shards.items():
        x = [row["work"][axis] for row in rows]
        _measured(ax, x, [row["planned"]["total"] / 1e6 for row in rows], axis)
        _predicted(ax, x, [row["predicted"]["total_bytes"] / 1e6 for row in rows], axis)
    rows = shards["vocab"]
    x, first = [row["work"]["vocab"] for row in rows], rows[0]["planned"]["total"] * rows[0]["work"]["vocab"] / 1e6
    ax.plot(x, [first / n for n in x], color="0.5", linestyle="--", label="1/n")
    ax.set(xlabel="devices", ylabel="MB a device, planned", xscale="log", yscale="log")
    _finish(ax)
    _ticks(ax, x)


def _measured(ax: Axes, x: Sequence[int], y: Sequence[float], axis: str) -> None:
    ax.plot(x, y, color=COLORS[axis], marker=".", label=NAMES[axis])
    ax.grid(color="0.9")
    ax.spines[["top", "right"]].set_visible(False)


def _predicted(ax: Axes, x: Sequence[int], y: Sequence[float], axis: str) -> None:
    ax.plot(x, y, color=COLORS[axis], marker="o", markersize=9, markerfacecolor="none", linestyle="")


def _finish(ax: Axes) -> None:
    """Of a logarithmic panel with two ways to share: numbers written out."""
    ax.legend(frameon=False)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(WRITTEN_OUT)


def _ticks(ax: Axes, x: Sequence[int]) -> None:
    """At what there is, written out; thousands as k."""
    ax.xaxis.set_major_locator(FixedLocator(list(x)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
