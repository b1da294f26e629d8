"""Training steps planned for devices that are not there: XLA compiles for as many of a CPU's as it is told it has.

    python -m experiments.scaling.planner < WORKLOADS

A process of its own, since that number is read when JAX starts. Reads a list of workloads in JSON from standard input,
and writes a list with what is planned for each.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from charrnn_jax.errors import InputError
from experiments import process
from experiments.scaling.steps import Planned, plan_step, planned
from experiments.scaling.workload import Workload


def plan(works: Sequence[Workload]) -> list[Planned]:
    """What a device of each workload's mesh would hold and exchange. Raises InputError where the process fails."""
    devices = max(work.devices for work in works)
    flags = " ".join([f"--xla_force_host_platform_device_count={devices}", *process.XLA])
    command = [sys.executable, "-m", "experiments.scaling.planner"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run(command, input=json.dumps(works), env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise InputError(f"no step could be planned for {devices} devices (see above): use smaller sizes")
    return [Planned(*each) for each in json.loads(done.stdout)]


def main() -> None:
    """Answers one request."""
    works = [Workload(*each) for each in json.load(sys.stdin)]
    print(json.dumps([planned(plan_step(work)) for work in works]))


if __name__ == "__main__":
    main()
