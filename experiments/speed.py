"""The fastest RNN in JAX, shown side by side: one training step of the same model in every program.

Claim     on two CPU cores, in float32, nothing that a user would pick instead is faster: PyTorch, Flax, Haiku, the
          textbook scan. docs/speed.md says on which processors this holds, and where it does not.
Command   python -m experiments.speed [--quick] [--sizes S M] [--cells lstm] [--settings installed]
Hardware  two CPU cores, quiet: nothing else may run.
Time      `--quick` 4 minutes; one size of one cell about 75 seconds a setting, so that everything takes an hour.
Expected  see docs/speed.md.

A step is forward, backward, clip by global norm, Adam. Every program runs in a process of its own and takes turns
with the others, so that none inherits another's allocator or threads and all see the same noise. A ratio is the
median over rounds of the other's time over ours in the same round: above 1, we are faster. In the setting
`installed` every program runs as a user starts it, ours with what its experiments set (see experiments/process.py);
in `equal` all of them get the allocator settings that were found best for such a machine. In bfloat16, our own step
in float32 takes its turns too. On an NVIDIA GPU so does `jax.experimental.rnn` (cuDNN), and size X comes in.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from charrnn_jax.errors import InputError
from experiments.command_line import command
from experiments.environment import environment
from experiments.json_files import write_json
from experiments.peers.peak import ROWS
from experiments.peers.work import SIZES, CellName, Precision, Size, SizeName
from experiments.process import TUNABLES, on_nvidia, settings
from experiments.report.speed import draw_ratios, speed_table
from experiments.shell import banner, console, open_out, require_positive, require_some, run

Setting = Literal["installed", "equal"]
PROGRAMS = ("ours", "torch", "flax", "haiku", "naive", "peak")
OURS = ("ours", "ours_float32")
GATES = {"lstm": 4, "gru": 3, "elman": 1}
EQUAL = {"GLIBC_TUNABLES": TUNABLES}
WARM_UP = 2.0
"""Seconds: in its first steps a process still gathers memory, and takes half as long again."""
TURN = 0.3
"""Seconds: a turn holds as many steps as fit into it, and at least three, so that one bad step is not its median."""


@dataclass(frozen=True)
class Config:
    """What to time."""

    sizes: tuple[SizeName, ...] | None = None
    """S: 65 characters, 128 hidden units; M: 2 x 256; L: 2 x 512; W: 10,000 words, 256; X, for a GPU: 1024."""
    cells: tuple[CellName, ...] = get_args(CellName)
    """The recurrent cells."""
    precisions: tuple[Precision, ...] = get_args(Precision)
    """Of products: our flag, PyTorch's autocast, Flax's dtype; Haiku and the naive scan run in bfloat16 throughout."""
    settings: tuple[Setting, ...] = get_args(Setting)
    """Each program as a user starts it, or all under the same allocator settings."""
    rounds: int = 12
    """Turns of each program."""
    quick: bool = False
    """The LSTM in float32 only, as installed, in five rounds: whatever else is asked for."""
    out: Path = Path("runs/speed")
    """A new folder for speed.json and speed.png."""


def main(config: Config) -> None:
    """Times, prints, draws and writes."""
    if config.quick:
        config = replace(config, cells=("lstm",), precisions=("float32",), settings=("installed",), rounds=5)
    require_positive(rounds=config.rounds)
    require_some(sizes=config.sizes, cells=config.cells, precisions=config.precisions, settings=config.settings)
    out = open_out(config.out)
    banner("speed: one training step")
    rows = []
    for precision, setting in product(config.precisions, config.settings):
        some = []
        for cell, size in product(config.cells, config.sizes or sizes_here()):
            some.append(row_of(cell, size, precision, setting, config.rounds))
            write_json(out / "speed.json", report(rows + some))
        rows += some
        console.print(speed_table(some, f"{precision}, {setting}"))
    draw_ratios(rows, out / "speed.png")
    console.print(f"wrote {out}/speed.json and speed.png", soft_wrap=True)


def row_of(cell: CellName, name: SizeName, precision: Precision, setting: Setting, rounds: int) -> dict[str, Any]:
    """One line of the table."""
    with workers(environments(programs_for(cell, precision), setting), cell, name, precision) as running:
        seconds = take_turns(running, rounds)
    ours, peak = np.array(seconds["ours"]), np.array(seconds["peak"])
    size = SIZES[name]
    ratios = {other: np.array(taken) / ours for other, taken in seconds.items() if other not in ("ours", "peak")}
    return {
        "cell": cell,
        "size": name,
        "precision": precision,
        "setting": setting,
        "ratio_to": {other: float(np.median(ratio)) for other, ratio in ratios.items()},
        "ratio_quartiles": {other: np.percentile(ratio, (25, 75)).tolist() for other, ratio in ratios.items()},
        "tokens_per_second": size.B * size.T / float(np.median(ours)),
        "fraction_of_peak": float(np.median(flops(cell, size) / ours / (2 * ROWS**3 / peak))),
        "peak_gflops": 2e-9 * ROWS**3 / float(np.median(peak)),
        "ms": {program: 1e3 * float(np.median(taken)) for program, taken in seconds.items() if program != "peak"},
    }


def sizes_here() -> tuple[SizeName, ...]:
    """The sizes that are timed where none is asked for."""
    return tuple(name for name in SIZES if name != "X" or on_nvidia())


def programs_for(cell: CellName, precision: Precision) -> tuple[str, ...]:
    """Which programs there are for that work."""
    in_float32 = ("ours_float32",) if precision == "bfloat16" else ()
    cudnn = ("cudnn",) if on_nvidia() and (cell, precision) == ("lstm", "float32") else ()
    return (*PROGRAMS, *in_float32, *cudnn)


def environments(programs: Sequence[str], setting: Setting) -> dict[str, dict[str, str]]:
    """What is set for the process of each program, beside what the user has set."""
    every = EQUAL if setting == "equal" else {}
    return {program: every | (settings() if program in OURS else {}) for program in programs}


def flops(cell: CellName, size: Size) -> float:
    """Of the products of a step, the same for every program: two a weight and token forward, four backward; the look-up
    is free. Where the embedding is folded into the first layer, as by us, fewer are done.
    """
    inputs = [size.E] + [size.H] * (size.L - 1)
    weights = sum((X + size.H) * GATES[cell] * size.H for X in inputs) + size.H * size.V
    return 6.0 * size.B * size.T * weights


@contextmanager
def workers(
    programs: Mapping[str, dict[str, str]], cell: str, size: str, precision: str
) -> Iterator[dict[str, subprocess.Popen]]:
    """A process for each program, with the variables set for it, compiled and waiting."""
    running: dict[str, subprocess.Popen] = {}
    try:
        for program, variables in programs.items():
            command = [sys.executable, "-m", "experiments.peers.worker", program, cell, size, precision]
            pipe, environment = subprocess.PIPE, {**os.environ, **variables}
            running[program] = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
            answer(running[program], program)
        yield running
    finally:
        for process in running.values():
            process.kill()
            process.communicate()


def answer(process: subprocess.Popen, program: str) -> dict[str, Any]:
    """The next line that a worker says."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise InputError(f"{program} could not take a step (see above): install charrnn_jax[peers]")
    return json.loads(line)


def take_turns(running: dict[str, subprocess.Popen], rounds: int) -> dict[str, list[float]]:
    """The median seconds of a step in every round, after a warm-up of each program."""
    steps = {program: warm_up(process, program) for program, process in running.items()}
    taken: dict[str, list[float]] = {program: [] for program in running}
    for _ in range(rounds):
        for program, process in running.items():
            time.sleep(0.02)  # the threads of the one before come to rest
            taken[program].append(float(np.median(turn(process, program, steps[program]))))
    return taken


def warm_up(process: subprocess.Popen, program: str) -> int:
    """Has a worker take steps for `WARM_UP`; how many make a turn."""
    taken: list[float] = []
    while sum(taken) < WARM_UP:
        taken += turn(process, program, 3)
    return max(3, round(TURN / min(taken)))


def turn(process: subprocess.Popen, program: str, steps: int) -> list[float]:
    """Has a worker take that many steps."""
    assert process.stdin is not None
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    return answer(process, program)["seconds"]


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What speed.json holds."""
    return {"schema": 1, "rows": rows, "environment": environment(), "command": command()}


if __name__ == "__main__":
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # several programs share a GPU
    run(main, Config, __doc__)
