"""What a training step takes, and what it holds, on how many devices: measured, planned by XLA, and predicted.

Claim     memory a device falls as 1/n with n shards of the vocabulary; where steps are short, CPU cores do more as
          devices than as threads of one; a cost model made of sizes alone tells both time and memory.
Command   python -m experiments.scale [--quick]
Hardware  any; the figures of docs/scale.md are from two CPU cores.
Time      seven minutes on two cores, fifteen beside much else; `--quick` two to four.
Expected  see docs/scale.md.

Steps on every number of devices, at every batch size and vocabulary, take turns, and with them the small programs that
the cost model is calibrated by, so that all see the same noise. Memory is what XLA plans for the compiled step:
arguments and temporary values. It is planned for devices that are not there as well; where these share a large
vocabulary, a step is taken on virtual ones, and what each then holds is summed up. On a CPU, a device a core and one
device with the threads of all cores, each in a process of its own, take turns too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, get_args

import jax

from charrnn_jax.errors import InputError
from experiments import process
from experiments.command_line import command, flag_of, plain
from experiments.environment import environment
from experiments.json_files import write_json
from experiments.measures.speed import take_turns
from experiments.peers.work import SizeName
from experiments.report.scale import measured_sheets, terminal_table
from experiments.report.scale_picture import draw_scale
from experiments.scaling.calibration import machine_of, probes
from experiments.scaling.comparison import measured_row, planned_row, written
from experiments.scaling.planner import hold, plan
from experiments.scaling.plans import BENCHMARKS, MESHES, WORDS, ModelName, on_mesh
from experiments.scaling.steps import Planned, compile_step, planned, stepping
from experiments.scaling.threads import compare
from experiments.scaling.workload import Workload
from experiments.shell import banner, console, open_out, require_positive, require_some, run

SIZES = ("vocab_size", "planned_vocabulary", "embed_size", "hidden_size", "layers", "batch_size", "length")
SEVERAL = ("batches", "vocabularies", "shards")
LARGEST = 2**31 - 1
MOST_PLANNED = 64
"""Devices of a process that plans."""


@dataclass(frozen=True)
class Config:
    """What to measure."""

    vocab_size: int = 10_000
    """V, where it is not what varies."""
    embed_size: int = 256
    """E."""
    hidden_size: int = 256
    """H."""
    layers: int = 1
    """L."""
    batch_size: int = 32
    """B, where it is not what varies: streams over all devices."""
    length: int = 35
    """T: the tokens of a window."""
    batches: tuple[int, ...] = (16, 32, 64, 128)
    """Batch sizes."""
    vocabularies: tuple[int, ...] = (1_000, 10_000, 40_000)
    """Vocabulary sizes."""
    planned_vocabulary: int = WORDS
    """V of what is planned; devices that share it take one step of that size, too."""
    shards: tuple[int, ...] = (1, 2, 4, 8)
    """Numbers of devices that a step is planned for, whether they are there or not."""
    benchmarks: tuple[ModelName, ...] = get_args(ModelName)
    """Models of the One Billion Word Benchmark to be planned, on the meshes of docs/scale.md up to 64 devices."""
    threads: tuple[SizeName, ...] = ("S", "M", "L", "W")
    """Sizes of `experiments.speed` at which a device a core is compared with threads. On CPUs alone."""
    rounds: int = 15
    """Turns of each."""
    quick: bool = False
    """Fewer sizes and five rounds, whatever else is asked for."""
    out: Path = Path("runs/scale")
    """A new folder for scale.json and scale.png."""


def main(config: Config) -> None:
    """Measures, prints, draws and writes."""
    if config.quick:
        config = replace(config, batches=(16, 64), vocabularies=(1_000, 10_000), rounds=5)
        config = replace(config, benchmarks=(), threads=("S",))
    counts = powers_of_two(len(jax.devices()))
    check(config, counts[-1])
    out = open_out(config.out)
    banner("scale: a training step on many devices")
    report = {
        "schema": 1,
        "config": plain(config),
        **measure(config, counts),
        **planned_rows(config),
        "threads": [compare(size, config.rounds) for size in config.threads if jax.default_backend() == "cpu"],
        "environment": environment(),
        "command": command(),
    }
    write_json(out / "scale.json", report)
    for sheet in measured_sheets(report).values():
        console.print(terminal_table(sheet))
    draw_scale(report, out / "scale.png")
    console.print(f"wrote {out}/scale.json and scale.png", soft_wrap=True)


def check(config: Config, devices: int) -> None:
    """Raises InputError for the first size that no step can have."""
    sizes: dict[str, int] = {name: getattr(config, name) for name in SIZES}
    several: dict[str, tuple[int, ...]] = {name: getattr(config, name) for name in SEVERAL}
    require_some(**several)
    require_positive(**sizes, rounds=config.rounds, **{name: min(each) for name, each in several.items()})
    for name, size in {**sizes, **{name: max(each) for name, each in several.items()}}.items():
        if size > LARGEST:
            raise InputError(f"{flag_of(name)} {size} is too large: use {LARGEST} or less")
    if max(config.shards) > MOST_PLANNED:
        raise InputError(f"--shards {max(config.shards)} is too many: use {MOST_PLANNED} or less")
    for shares in (devices, *config.shards):
        for batch_size in (config.batch_size, *(config.batches if shares == devices else ())):
            if batch_size % shares:
                raise InputError(f"{batch_size} streams cannot be shared by {shares} devices: use a multiple of it")


def powers_of_two(most: int) -> list[int]:
    """From 1 on."""
    return [2**i for i in range(most.bit_length())]


def sweeps(config: Config, counts: Sequence[int]) -> dict[str, list[Workload]]:
    """What varies: the devices, the streams on all of them, or the vocabulary, which either all share or none."""
    c, number = config, counts[-1]
    base = Workload(c.vocab_size, c.embed_size, c.hidden_size, c.layers, c.batch_size, c.length)
    meshes = [{"data": number}, {"vocab": number}] if number > 1 else [{}]
    return {
        "devices": [base._replace(data=n) for n in counts],
        "batch": [base._replace(data=number, B=B) for B in sorted(config.batches)],
        "vocabulary": [base._replace(V=V, **mesh) for V in sorted(config.vocabularies) for mesh in meshes],
    }


def measure(config: Config, counts: Sequence[int]) -> dict[str, Any]:
    """The machine, by its number of devices, and a row for each step of each sweep."""
    works = sweeps(config, counts)
    plans: dict[Workload, Planned] = {}
    functions: dict[Any, Callable[[], Any]] = {}
    for work in dict.fromkeys(work for several in works.values() for work in several):
        compiled, *arguments = compile_step(work)
        plans[work], functions[work] = planned(compiled), stepping(compiled, *arguments)
    probed = {n: probes(n, config.batch_size // n, config.hidden_size, config.length) for n in counts}
    functions |= {(n, name): probe.run for n, several in probed.items() for name, probe in several.items()}
    taken = take_turns(functions, config.rounds)
    machines = {n: machine_of(n, probed[n], {name: taken[n, name] for name in probed[n]}) for n in counts}
    rows = {
        sweep: [measured_row(work, plans[work], machines[work.devices], taken[work]) for work in several]
        for sweep, several in works.items()
    }
    return {"machines": [written(machines[n]) for n in counts], "rows": rows}


def planned_rows(config: Config) -> dict[str, Any]:
    """A row for each number of devices that share a large vocabulary, or the streams; and for each benchmark's mesh.

    Of those that share a vocabulary, with the bytes that one held after a step.
    """
    c = config
    base = Workload(c.planned_vocabulary, c.embed_size, c.hidden_size, c.layers, c.batch_size, c.length)
    works = {axis: [base._replace(**{axis: n}) for n in sorted(c.shards)] for axis in ("vocab", "data")}
    meshes = [mesh for mesh in MESHES if prod(mesh) <= MOST_PLANNED]
    works |= {name: [on_mesh(BENCHMARKS[name], *mesh) for mesh in meshes] for name in c.benchmarks}
    every = list(dict.fromkeys(work for several in works.values() for work in several))
    plans = dict(zip(every, plan(every), strict=True))
    rows = {name: [planned_row(work, plans[work]) for work in several] for name, several in works.items()}
    for row, held in zip(rows["vocab"], hold(works["vocab"]), strict=True):
        row["held"] = held
    return {
        "shards": {axis: rows[axis] for axis in ("vocab", "data")},
        "benchmarks": {name: rows[name] for name in c.benchmarks},
    }


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
