"""What a result depends on besides its command."""

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

INSTRUCTIONS = {"AVX2": "avx2", "AVX-512": "avx512f", "AVX-512 bfloat16": "avx512_bf16", "AMX bfloat16": "amx_bf16"}
"""What products are fast by, and the flag of each in Linux."""


def environment(precision: str = "float32") -> dict[str, Any]:
    """Machine, precision, versions and commit: for a file of results."""
    return {**machine(precision), "commit": commit()}


def machine(precision: str = "float32") -> dict[str, Any]:
    """Devices, precision and versions: what a banner shows, without asking git."""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "devices": [f"{device.platform}:{device.device_kind}" for device in jax.devices()],
        "cores": cores(),
        "precision": precision,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
    }


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name, model and widest instructions of the CPU where Linux tells them: rented machines change it unasked."""
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    if "model name" not in told:
        return platform.processor() or platform.machine()
    flags = set(told.get("flags", "").split())
    widest = [name for name, flag in INSTRUCTIONS.items() if flag in flags]
    model = f"family {told.get('cpu family', '?')}, model {told.get('model', '?')}"
    return f"{told['model name']} ({', '.join([model, *widest])})"


def commit() -> str | None:
    """That of the checkout this code runs from, with `+` behind it where a tracked file has changed; else None."""
    if not shutil.which("git"):
        return None
    describe = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    said = subprocess.run(describe, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return said.stdout.strip() or None
