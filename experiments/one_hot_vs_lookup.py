"""Claim 2, measured: the product with one-hot vectors is wasteful, an index look-up gives the same rows.

Claim     The cost of one-hot vectors grows with the vocabulary, in time and memory; the look-up's does not.
          Deep Learning Fundamentals, unit 8.3, Encoding inputs using embedding layers.
Command   python -m experiments.one_hot_vs_lookup
Hardware  two CPU cores, 6 GiB of memory (see `--memory-gib`)
Time      45 seconds
Expected  forward, the product takes time and memory in proportion to V (4 KiB times V for 1,024 tokens); the
          look-up takes the memory of its result, and time that grows some tenfold from V = 26 to a million.
          Backward, the gradient has the size of the table, so that both grow, the look-up about 17 times less
          in memory. Writes one_hot_vs_lookup.png and results.json.

Memory is what XLA plans for temporary values and results, without the table itself. Time is the median over
rounds in which the functions take turns, ± half the distance of the quartiles. What would not fit is
compiled, so that its memory is known, and not run.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from charrnn_jax.embedding import embed_lookup, embed_one_hot
from charrnn_jax.types import Array, Float, Int
from experiments.shell import (
    banner,
    command,
    console,
    environment,
    open_out,
    require_positive,
    run,
    write_json,
)

COLUMNS = ("one-hot", "look-up", "ratio")
WAYS: dict[str, Callable[..., Array]] = {"one_hot": embed_one_hot, "lookup": embed_lookup}
PASSES = {"forward": "forward", "backward": "forward and backward"}
GIB = 2**30
LEAST_ROUNDS = 3
SHORTEST_TURN = 2e-3
"""Seconds: a quicker function is called several times a turn."""


@dataclass(frozen=True)
class Config:
    """Which sizes to measure, and how long."""

    out: Path = Path("runs/one_hot_vs_lookup")
    """Folder for one_hot_vs_lookup.png and results.json."""
    seed: int = 0
    """Seed of the tables and the ids."""
    vocabularies: tuple[int, ...] = (26, 100, 1_000, 10_000, 100_000, 1_000_000)
    """V: the vocabulary sizes."""
    tokens: int = 1024
    """N: how many ids are embedded at once."""
    embed_size: int = 64
    """E: numbers in a row."""
    memory_gib: float = 4.0
    """What needs more than this is not run."""
    rounds: int = 31
    """Timings of each function."""
    seconds: float = 3.0
    """Time for one vocabulary size, after which rounds end early (three are always taken)."""


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


def main(config: Config) -> None:
    """Measures every vocabulary size, and prints, draws and writes what was found."""
    require_positive(
        tokens=config.tokens,
        embed_size=config.embed_size,
        memory_gib=config.memory_gib,
        rounds=config.rounds,
        seconds=config.seconds,
        vocabularies=min(config.vocabularies),
    )
    out = open_out(config.out)
    banner(f"one_hot_vs_lookup: {config.tokens} tokens, {config.embed_size} numbers each")
    rows = [row for vocab_size in config.vocabularies for row in measure(config, vocab_size)]
    for direction, title in PASSES.items():
        console.print(table_of(rows, direction, f"Embedding, {title}"))
    draw(rows, config, out / "one_hot_vs_lookup.png")
    write_json(out / "results.json", report(config, rows))
    console.print(f"Wrote {out / 'one_hot_vs_lookup.png'} and {out / 'results.json'}", soft_wrap=True)


def forward(embed: Callable[..., Array], table: Array, ids: Array, cotangent: Array) -> Float[Array, "N E"]:
    """The rows."""
    del cotangent
    return embed(table, ids)


def backward(
    embed: Callable[..., Array], table: Array, ids: Array, cotangent: Array
) -> tuple[Float[Array, "N E"], Float[Array, "V E"]]:
    """The rows, and the gradient of the table for a given gradient of the rows."""
    rows, pull_back = jax.vjp(lambda table: embed(table, ids), table)
    return rows, pull_back(cotangent)[0]


def measure(config: Config, vocab_size: int) -> list[Row]:
    """Both ways and both directions at one vocabulary size; asserts that both ways agree, where both run."""
    arguments = make_arguments(config, vocab_size)
    compiled = {
        (way, apply.__name__): jax.jit(partial(apply, embed)).lower(*arguments).compile()
        for way, embed in WAYS.items()
        for apply in (forward, backward)
    }
    memory = {name: planned_bytes(function) for name, function in compiled.items()}
    skipped = {name: reason(needed, config.memory_gib) for name, needed in memory.items()}
    for name, why in skipped.items():
        if why:
            console.print(f"  V = {vocab_size:,}: {' '.join(name)} not run: {why}")
    running = {name: function for name, function in compiled.items() if not skipped[name]}
    seconds = take_turns(running, arguments, config.rounds, config.seconds)
    return [Row(vocab_size, *name, memory[name], seconds.get(name, []), skipped[name]) for name in compiled]


def make_arguments(config: Config, vocab_size: int) -> tuple[Float[Array, "V E"], Int[Array, "N"], Float[Array, "N E"]]:
    """A table, ids, and a gradient of the rows."""
    table_key, ids_key, cotangent_key = jax.random.split(jax.random.key(config.seed), 3)
    N, E = config.tokens, config.embed_size
    table = jax.random.normal(table_key, (vocab_size, E))
    ids = jax.random.randint(ids_key, (N,), 0, vocab_size)
    return table, ids, jax.random.normal(cotangent_key, (N, E))


def planned_bytes(function: Compiled) -> int:
    """Temporary values and results, as XLA plans them."""
    analysis = function.memory_analysis()
    assert analysis is not None, "this backend plans no memory"
    return analysis.temp_size_in_bytes + analysis.output_size_in_bytes


def reason(needed: int, memory_gib: float) -> str:
    """Why a function that needs so many bytes is not run, or nothing."""
    if needed <= memory_gib * GIB:
        return ""
    return f"{needed / GIB:.1f} GiB, --memory-gib {memory_gib:g}"


def check_agreement(results: dict[tuple[str, str], Any]) -> None:
    """Asserts that rows agree bit for bit, and gradients but for the order of their sums."""
    if ("one_hot", "forward") in results:
        product, rows = (results[way, "forward"] for way in WAYS)
        assert np.array_equal(product, rows), "the product is not the look-up"
    if ("one_hot", "backward") in results:
        (_, by_product), (_, by_index) = (results[way, "backward"] for way in WAYS)
        assert jnp.allclose(by_product, by_index, rtol=1e-5, atol=1e-4), "the gradients differ"


def take_turns(
    running: dict[tuple[str, str], Compiled], arguments: tuple[Array, ...], rounds: int, limit: float
) -> dict[tuple[str, str], list[float]]:
    """Seconds of each function, one turn of each a round; a first call says how many make a turn."""
    end = perf_counter() + limit
    first = {name: time_calls(function, arguments, 1) for name, function in running.items()}
    check_agreement({name: result for name, (_, result) in first.items()})
    calls = {name: ceil(SHORTEST_TURN / seconds) for name, (seconds, _) in first.items()}
    taken: dict[tuple[str, str], list[float]] = {name: [] for name in running}
    for n in range(rounds):
        if n >= LEAST_ROUNDS and perf_counter() > end:
            break
        for name, function in running.items():
            taken[name].append(time_calls(function, arguments, calls[name])[0])
    return taken


def time_calls(function: Compiled, arguments: tuple[Array, ...], calls: int) -> tuple[float, Any]:
    """Seconds a call, and what the last one returned."""
    start, result = perf_counter(), None
    for _ in range(calls):
        result = jax.block_until_ready(function(*arguments))
    return (perf_counter() - start) / calls, result


def spread(seconds: list[float]) -> tuple[float, float]:
    """The median, and half the distance of the quartiles."""
    low, median, high = np.percentile(seconds, (25, 50, 75)).tolist()
    return median, (high - low) / 2


def table_of(rows: list[Row], direction: str, title: str) -> Table:
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


def show_bytes(size: int) -> str:
    """A size with a binary unit."""
    for unit, scale in (("GiB", GIB), ("MiB", 2**20)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size / 2**10:.3g} KiB"


def show_ratio(product: Row, look_up: Row) -> str:
    """How many times longer the product takes, or a dash."""
    if not (product.seconds and look_up.seconds):
        return "–"
    times = spread(product.seconds)[0] / spread(look_up.seconds)[0]
    return f"{times:.1f}" if times < 100 else f"{times:,.0f}"


def draw(rows: list[Row], config: Config, path: Path) -> None:
    """Time on the left, memory on the right, against the vocabulary size, all axes logarithmic."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for way, colour in (("one_hot", "tab:red"), ("lookup", "tab:blue")):
        for direction, line in (("forward", "-"), ("backward", "--")):
            some = [row for row in rows if (row.way, row.direction) == (way, direction)]
            style = {"color": colour, "linestyle": line, "marker": "o", "label": f"{way}, {PASSES[direction]}"}
            draw_times(left, [row for row in some if row.seconds], style)
            right.plot([row.vocab_size for row in some], [row.memory_bytes / 2**20 for row in some], **style)
    budget = right.axhline(config.memory_gib * 2**10, color="0.6", linestyle=":", label="--memory-gib")
    for ax, label in ((left, "milliseconds (median and quartiles)"), (right, "MiB beside the table")):
        ax.set(xscale="log", yscale="log", xlabel="vocabulary size V", ylabel=label)
        ax.grid(color="0.9")
    left.legend(loc="upper left")
    right.legend(handles=[budget], loc="center left")
    figure.suptitle(f"Embedding {config.tokens:,} tokens, {config.embed_size} numbers each")
    figure.savefig(path, dpi=120)


def draw_times(ax: Axes, rows: list[Row], style: dict[str, Any]) -> None:
    """Medians with the quartiles as error bars, in milliseconds."""
    quartiles = np.array([np.percentile(row.seconds, (25, 50, 75)) for row in rows]).reshape(-1, 3) * 1e3
    low, median, high = quartiles.T
    ax.errorbar([row.vocab_size for row in rows], median, yerr=[median - low, high - median], capsize=3, **style)


def report(config: Config, rows: list[Row]) -> dict[str, Any]:
    """What results.json holds."""
    return {
        "schema": 1,
        "experiment": "one_hot_vs_lookup",
        "command": command(),
        "config": asdict(config) | {"out": str(config.out)},
        "environment": environment(),
        "rows": [row._asdict() for row in rows],
    }


if __name__ == "__main__":
    run(main, Config, __doc__)
