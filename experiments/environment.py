"""What a result depends on besides its command."""

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import jax


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
        "cores": os.cpu_count(),
        "precision": precision,
        "system": f"{platform.system()} {platform.machine()}",
    }


def commit() -> str | None:
    """That of the checkout this code runs from, with `+` behind it where a tracked file has changed; else None."""
    if not shutil.which("git"):
        return None
    describe = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    said = subprocess.run(describe, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return said.stdout.strip() or None
