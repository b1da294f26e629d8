"""Real training processes, and what can happen to them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from charrnn_jax.io import checkpoints
from experiments.run_folder import load_state, read_run

SMALL = ["--steps", "120", "--points", "4", "--report-every", "7", "--save-every", "5", "--hidden-size", "24"]
SMALL += ["--embed-size", "8", "--batch-size", "4", "--length", "12", "--dropout", "0.2", "--pieces", "40"]
"""A run of 120 steps that passes several times through `text`, with dropout, and saves at almost every step."""


STARTED: list[subprocess.Popen] = []


def text(folder: Path) -> Path:
    """A text of which `SMALL` makes more than two passes."""
    draw, words = np.random.default_rng(0), ["the", "cat", "sat", "on", "a", "mat", "and", "so", "did", "I"]
    path = folder / "text.txt"
    path.write_text(" ".join(draw.choice(words, 900)), encoding="utf-8")
    return path


def start(module: str, *flags: Any, **variables: str) -> subprocess.Popen:
    """`python -m experiments.MODULE FLAGS`, beside this process."""
    command = [sys.executable, "-m", f"experiments.{module}", *map(str, flags)]
    pipe, environment = subprocess.PIPE, {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "true", **variables}
    STARTED.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment))
    return STARTED[-1]


def end_all() -> None:
    """Whatever is still running, of a test that failed or is done with it."""
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.communicate()


def run(module: str, *flags: Any, **variables: str) -> subprocess.CompletedProcess:
    """The same, to its end."""
    process = start(module, *flags, **variables)
    out, error = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def wait_for(process: subprocess.Popen, happened: Callable[[], bool]) -> None:
    """Returns when it has, or when the process has ended."""
    while process.poll() is None and not happened():
        time.sleep(0.001)


def saved(out: Path) -> int:
    """The step of the last checkpoint; -1 where there is none."""
    return max(checkpoints.steps(out / "checkpoints"), default=-1)


def signalled(process: subprocess.Popen, *numbers: signal.Signals) -> tuple[int, str]:
    """Sends the signals; the exit code, and what was said last on standard error."""
    for number in numbers:
        process.send_signal(number)
    _, error = process.communicate(timeout=120)
    return process.returncode, (error.strip().splitlines() or [""])[-1]


def fingerprint(out: Path) -> dict[str, str]:
    """Of all that must be the same bit for bit: state, log without its times, scores."""
    kept = read_run(out)
    arrays = [np.asarray(x) for x in jax.tree.leaves(load_state(kept))]
    log = [_timeless(json.loads(line)) for line in (out / "metrics.jsonl").read_text().splitlines()]
    results = json.loads((out / "results.json").read_text())
    return {
        "step": str(kept.found.step),
        "state": hashlib.sha256(b"".join(x.tobytes() for x in arrays)).hexdigest(),
        "log": json.dumps(log),
        "steps": json.dumps([line["step"] for line in log]),
        "scores": json.dumps(results["scores"]),
    }


def _timeless(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if "second" not in name}
