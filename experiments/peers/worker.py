"""One program in a process of its own: it takes steps when it is told to, and says how long each took.

    python -m experiments.peers.worker PROGRAM CELL SIZE PRECISION

Reads the number of steps of its next turn, one a line, from standard input; answers each with a line of JSON.
"""

import importlib
import json
import sys
from time import perf_counter

from experiments.peers.work import SIZES, CellName, Precision, SizeName, Work


def main(program: str, cell: CellName, size: SizeName, precision: Precision) -> None:
    """Compiles with a first step, then obeys."""
    step = importlib.import_module(f"experiments.peers.{program}").make_step(Work(cell, SIZES[size], precision))
    say({"loss": step()})
    for line in sys.stdin:
        say({"seconds": [seconds_of(step) for _ in range(int(line))]})


def seconds_of(step) -> float:
    """How long one step takes."""
    begun = perf_counter()
    step()
    return perf_counter() - begun


def say(answer: dict) -> None:
    """One line, at once."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
