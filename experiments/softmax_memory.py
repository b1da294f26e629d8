"""The softmax over a large vocabulary, whole and chunk by chunk: time and memory of the loss and its gradient.

Claim     chunk by chunk it needs at most a quarter of the memory, and at most 1.2 times the time.
Command   python -m experiments.softmax_memory
Hardware  one CPU core (one device of a training step), 8 GiB of memory, quiet.
Time      3 minutes.
Expected  see docs/speed.md.

Memory is the temporary memory that XLA plans for the compiled program. The ways take turns in one process.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled
from rich import box
from rich.table import Table

from charrnn_jax.losses import LOGITS, Output, chunked_softmax_nats, softmax_nats
from charrnn_jax.types import Array
from experiments import process
from experiments.command_line import command
from experiments.environment import environment
from experiments.json_files import write_json
from experiments.one_hot_vs_lookup import time_calls
from experiments.shell import banner, console, open_out, require_positive, require_some, run

MIB = 2**20


@dataclass(frozen=True)
class Config:
    """The sizes of the output layer."""

    vocab_size: int = 100_000
    """V."""
    tokens: int = 4096
    """B·T."""
    hidden_size: int = 256
    """H."""
    chunks: tuple[int, ...] = (1000, LOGITS // 4096, 16_384)
    """Tokens of the vocabulary in a chunk; the second is what training takes for the default sizes."""
    rounds: int = 5
    """Timings of each way."""
    out: Path = Path("runs/softmax_memory")
    """A new folder for softmax_memory.json."""


def main(config: Config) -> None:
    """Times, prints and writes."""
    sizes = {name: getattr(config, name) for name in ("vocab_size", "tokens", "hidden_size", "rounds")}
    require_some(chunks=config.chunks)
    require_positive(**sizes, chunks=min(config.chunks))
    out = open_out(config.out)
    banner(f"softmax_memory: {config.tokens:,} tokens, vocabulary {config.vocab_size:,}")
    rows = measure(config)
    written = {**asdict(config), "out": str(out)}
    report = {"schema": 1, "config": written, "rows": rows, "environment": environment(), "command": command()}
    write_json(out / "softmax_memory.json", report)
    console.print(table_of(rows))
    console.print(f"wrote {out}/softmax_memory.json", soft_wrap=True)


def measure(config: Config) -> list[dict[str, Any]]:
    """A row for each way; the first is the whole softmax."""
    ways: dict[str, Callable[..., Array]] = {"whole": softmax_nats}
    ways |= {f"chunks of {chunk:,}": partial(chunked_softmax_nats, chunk=chunk) for chunk in config.chunks}
    arguments = make_arguments(config)
    compiled = {name: compile_with(arguments, way) for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name in [*ways, *list(ways) * config.rounds]:  # the first turns warm up
        seconds[name].append(time_calls(compiled[name], arguments, 1)[0])
    whole = np.array(seconds["whole"][1:])
    bytes_of = {name: temporary_bytes(function) for name, function in compiled.items()}
    return [
        {
            "way": name,
            "seconds": float(np.median(taken[1:])),
            "time_over_whole": float(np.median(np.array(taken[1:]) / whole)),
            "bytes": bytes_of[name],
            "memory_over_whole": bytes_of[name] / bytes_of["whole"],
        }
        for name, taken in seconds.items()
    ]


def make_arguments(config: Config) -> tuple[Output, Array, Array]:
    """An output layer, hidden states of one long stream, and targets."""
    W_key, h_key, targets_key = jax.random.split(jax.random.key(0), 3)
    V, N, H = config.vocab_size, config.tokens, config.hidden_size
    output = Output(jax.random.normal(W_key, (H, V)) * H**-0.5, jnp.zeros(V))
    return output, jax.random.normal(h_key, (N, 1, H)), jax.random.randint(targets_key, (N, 1), 0, V)


def compile_with(arguments: tuple[Output, Array, Array], way: Callable[..., Array]) -> Compiled:
    """The loss and its gradient by that way."""
    return jax.jit(partial(loss_and_gradient, way)).lower(*arguments).compile()


def temporary_bytes(function: Compiled) -> int:
    """Temporary values, as XLA plans them; results are the same whichever the way."""
    analysis: Any = function.memory_analysis()
    return analysis.temp_size_in_bytes


def loss_and_gradient(way: Callable[..., Array], output: Output, h: Array, targets: Array) -> Any:
    """Of the mean over tokens, by the output layer and the hidden states."""
    return jax.value_and_grad(lambda output, h: jnp.mean(way(output, h, targets)), argnums=(0, 1))(output, h)


def table_of(rows: list[dict[str, Any]]) -> Table:
    """One line a way."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("softmax", "s", "time / whole", "MiB", "memory / whole"):
        table.add_column(heading, justify="left" if heading == "softmax" else "right")
    for row in rows:
        ratios = f"{row['time_over_whole']:.2f}", f"{row['memory_over_whole']:.3f}"
        table.add_row(row["way"], f"{row['seconds']:.2f}", ratios[0], f"{row['bytes'] / MIB:,.0f}", ratios[1])
    return table


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
