"""What a study has found is kept as it comes, a file each, and found once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.json_files import Shape, read_json, write_json

INTERVAL: Shape = {"estimate": float, "low": float, "high": float}
"""What `median_interval` returns."""


def once(out: Path, name: str, shape: Shape, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is kept under that name; found now if nothing is. Raises InputError where what is kept is damaged."""
    path = out / f"{name}.json"
    if not path.exists():
        write_json(path, find())
    return read_json(path, shape, "remove it, and it is measured again")
