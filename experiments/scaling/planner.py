"""Training steps for devices that are not there: XLA compiles for as many of a CPU's as it is told it has.

    python -m experiments.scaling.planner plan < WORKLOADS
    python -m experiments.scaling.planner hold < WORKLOADS

A process of its own, since that number is read when JAX starts. Reads a list of workloads in JSON from standard input,
and writes a list with what is planned for a step of each, or with the bytes that a device holds after one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from charrnn_jax.errors import InputError
from experiments import process
from experiments.scaling.steps import Planned, held, plan_step, planned
from experiments.scaling.workload import Workload

ANSWERS: dict[str, Callable[[Workload], Any]] = {"plan": lambda work: planned(plan_step(work)), "hold": held}


def plan(works: Sequence[Workload]) -> list[Planned]:
    """What a device of each workload's mesh would hold and exchange. Raises InputError where the process fails."""
    return [Planned(*each) for each in _answered("plan", works)]


def hold(works: Sequence[Workload]) -> list[int]:
    """Bytes of the state on one device of each mesh, once a step has been taken on all: their memory has to be there.

    Raises InputError where the process fails.
    """
    return _answered("hold", works)


def _answered(question: str, works: Sequence[Workload]) -> list[Any]:
    devices = max(work.devices for work in works)
    flags = " ".join([f"--xla_force_host_platform_device_count={devices}", *process.XLA])
    command = [sys.executable, "-m", "experiments.scaling.planner", question]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run(command, input=json.dumps(works), env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        wanted = {"plan": "planned", "hold": "taken"}[question]
        raise InputError(f"no step could be {wanted} for {devices} devices (see above): use smaller sizes")
    return json.loads(done.stdout)


def main() -> None:
    """Answers one request."""
    works = [Workload(*each) for each in json.load(sys.stdin)]
    print(json.dumps([ANSWERS[sys.argv[1]](work) for work in works]))


if __name__ == "__main__":
    main()
