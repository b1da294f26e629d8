"""Claim 2, measured: the product with one-hot vectors is wasteful, an index look-up gives the same rows.

Claim     The cost of one-hot vectors grows with the vocabulary, in time and memory; the look-up's does not.
          Deep Learning Fundamentals, unit 8.3, Encoding inputs using embedding layers.
Command   python -m experiments.one_hot_vs_lookup
Hardware  two CPU cores, 6 GiB of memory (see `--memory-gib`)
Time      25 seconds
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
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled

from charrnn_jax.embedding import embed_lookup, embed_one_hot
from charrnn_jax.errors import InputError
from charrnn_jax.types import Array, Float, Int
from experiments.command_line import command
from experiments.environment import environment
from experiments.json_files import write_json
from experiments.report.costs import PASSES, Row, draw_costs, table_of
from experiments.report.formats import GIB
from experiments.shell import banner, console, open_out, require_positive, require_seed, require_some, run

WAYS: dict[str, Callable[..., Array]] = {"one_hot": embed_one_hot, "lookup": embed_lookup}
LARGEST = 2**31 - 1
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
    """What needs more than this, table included, is not run."""
    rounds: int = 31
    """Timings of each function."""
    seconds: float = 3.0
    """Time for one vocabulary size, after which rounds end early (three are always taken)."""


def main(config: Config) -> None:
    """Measures every vocabulary size, and prints, draws and writes what was found."""
    sizes = ("tokens", "embed_size", "memory_gib", "rounds", "seconds")
    require_some(vocabularies=config.vocabularies)
    require_positive(**{name: getattr(config, name) for name in sizes}, vocabularies=min(config.vocabularies))
    require_seed(config.seed)
    if max(config.vocabularies) > LARGEST:
        raise InputError(
            f"--vocabularies {max(config.vocabularies)} is too large: ids have 32 bits, use {LARGEST} or less"
        )
    out = open_out(config.out)
    banner(f"one_hot_vs_lookup: {config.tokens} tokens, {config.embed_size} numbers each")
    rows = [row for vocab_size in config.vocabularies for row in measure(config, vocab_size)]
    for direction, title in PASSES.items():
        console.print(table_of(rows, direction, f"Embedding, {title}"))
    write_json(out / "results.json", report(config, rows))
    title = f"Embedding {config.tokens:,} tokens, {config.embed_size} numbers each"
    draw_costs(rows, title, config.memory_gib, out / "one_hot_vs_lookup.png")
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
    make = partial(make_arguments, config, vocab_size)
    compiled = {
        (way, apply.__name__): jax.jit(partial(apply, embed)).lower(*jax.eval_shape(make)).compile()
        for way, embed in WAYS.items()
        for apply in (forward, backward)
    }
    memory = {name: planned_bytes(function) for name, function in compiled.items()}
    table = 4 * vocab_size * config.embed_size
    skipped = {name: reason(table + needed, config.memory_gib) for name, needed in memory.items()}
    for name, why in skipped.items():
        if why:
            console.print(f"  V = {vocab_size:,}: {' '.join(name)} not run: {why}")
    running = {name: function for name, function in compiled.items() if not skipped[name]}
    seconds = take_turns(running, make(), config.rounds, config.seconds) if running else {}
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


def time_calls(function: Compiled, arguments: tuple[Any, ...], calls: int) -> tuple[float, Any]:
    """Seconds a call, and what the last one returned."""
    start, result = perf_counter(), None
    for _ in range(calls):
        result = jax.block_until_ready(function(*arguments))
    return (perf_counter() - start) / calls, result


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
