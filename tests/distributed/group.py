"""One run in several real processes on this machine, which meet on the loopback device."""

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.harness import start

PATIENCE = 60
"""Seconds in which all processes of a run that has lost one have to end."""


def start_group(processes: int, number: int, *flags: Any, of_one: Sequence[Any] = ()) -> list[subprocess.Popen]:
    """`python -m experiments.train FLAGS`, so many times, each with a number of devices; the last with flags more."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    among = ["--coordinator", coordinator, "--processes", processes, "--process-id"]
    more = [()] * (processes - 1) + [of_one]
    return [start("train", *flags, *each, *among, i, **devices(number)) for i, each in enumerate(more)]


def devices(number: int) -> dict[str, str]:
    """The variables of a process that has so many."""
    return {"XLA_FLAGS": f"--xla_force_host_platform_device_count={number}"}


def ended(group: list[subprocess.Popen], seconds: float = 240) -> list[tuple[int, str, str]]:
    """Of each process: its exit code, and what it said."""
    said = [process.communicate(timeout=seconds) for process in group]
    return [(process.returncode, *each) for process, each in zip(group, said, strict=True)]


def run_group(processes: int, number: int, out: Path, *flags: Any) -> list[tuple[int, str, str]]:
    """The same, to the end of a run that ends well."""
    found = ended(start_group(processes, number, *flags, "--out", out))
    assert [code for code, *_ in found] == [0] * processes, found
    return found
