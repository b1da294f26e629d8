"""A device a core, or one device with the threads of all cores: which is faster, and by how much, on this CPU."""

import os
from typing import Any

import numpy as np

from experiments import process
from experiments.peers.work import SizeName
from experiments.speed import take_turns, workers

ONE_DEVICE = "--xla_force_host_platform_device_count=1"


def flags_of_one_device() -> str:
    """The XLA flags of this process without those that `process` sets: XLA shares products out over threads then."""
    ours = (*process.XLA, ONE_DEVICE.split("=")[0])
    kept = [flag for flag in os.environ.get("XLA_FLAGS", "").split() if not flag.startswith(ours)]
    return " ".join([*kept, ONE_DEVICE])


def compare(size: SizeName, rounds: int) -> dict[str, Any]:
    """The LSTM of `experiments.speed` at that size; each way in a process of its own, which take turns."""
    programs = {"ours": process.settings(), "ours_threads": {"XLA_FLAGS": flags_of_one_device()}}
    with workers(programs, "lstm", size, "float32") as running:
        taken = take_turns(running, rounds)
    ratios = np.array(taken["ours_threads"]) / np.array(taken["ours"])
    return {
        "size": size,
        "devices_seconds": float(np.median(taken["ours"])),
        "threads_seconds": float(np.median(taken["ours_threads"])),
        "ratio": float(np.median(ratios)),
        "ratio_quartiles": np.percentile(ratios, (25, 75)).tolist(),
    }
