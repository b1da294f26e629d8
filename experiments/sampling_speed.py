"""Sampling: one compiled scan against a loop that asks for one token after another.

Claim     a text is written several times as fast as by PyTorch step by step, from the same model.
Command   python -m experiments.sampling_speed
Hardware  two CPU cores, quiet: nothing else may run.
Time      2 minutes.
Expected  see docs/speed.md.

One stream, temperature 1, LSTM, float32; the programs take turns, a process each, as in experiments.speed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.table import Table

from experiments.command_line import command
from experiments.environment import environment
from experiments.json_files import write_json
from experiments.peers.work import TOKENS, SizeName
from experiments.process import settings
from experiments.shell import banner, console, open_out, require_positive, require_some, run
from experiments.speed import take_turns, workers

PROGRAMS = {"ours": "ours_sampling", "torch": "torch_sampling"}


@dataclass(frozen=True)
class Config:
    """What to time."""

    sizes: tuple[SizeName, ...] = ("S", "M", "L", "W")
    """S: 65 characters, 128 hidden units; M: 2 x 256; L: 2 x 512; W: 10,000 words, 256."""
    rounds: int = 12
    """Turns of each program."""
    out: Path = Path("runs/sampling_speed")
    """A new folder for sampling_speed.json."""


def main(config: Config) -> None:
    """Times, prints and writes."""
    require_positive(rounds=config.rounds)
    require_some(sizes=config.sizes)
    out = open_out(config.out)
    banner("sampling_speed: one text")
    rows = [row_of(size, config.rounds) for size in config.sizes]
    write_json(
        out / "sampling_speed.json", {"schema": 1, "rows": rows, "environment": environment(), "command": command()}
    )
    console.print(table_of(rows))
    console.print(f"wrote {out}/sampling_speed.json", soft_wrap=True)


def row_of(size: SizeName, rounds: int) -> dict:
    """Tokens a second of both, and their ratio."""
    with workers({PROGRAMS["ours"]: settings(), PROGRAMS["torch"]: {}}, "lstm", size, "float32") as running:
        taken = take_turns(running, rounds)
    seconds = {name: np.array(taken[module]) for name, module in PROGRAMS.items()}
    ratios = seconds["torch"] / seconds["ours"]
    return {
        "size": size,
        "tokens_per_second": {name: TOKENS / float(np.median(some)) for name, some in seconds.items()},
        "ratio_to_torch": float(np.median(ratios)),
        "ratio_quartiles": np.percentile(ratios, (25, 75)).tolist(),
    }


def table_of(rows: list[dict]) -> Table:
    """One line a size."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("size", "ours, tokens/s", "torch, tokens/s", "torch / ours"):
        table.add_column(heading, justify="left" if heading == "size" else "right")
    for row in rows:
        speeds = (f"{row['tokens_per_second'][name]:,.0f}" for name in PROGRAMS)
        low, high = row["ratio_quartiles"]
        table.add_row(row["size"], *speeds, f"{row['ratio_to_torch']:.1f} ±{(high - low) / 2:.1f}")
    return table


if __name__ == "__main__":
    run(main, Config, __doc__)
