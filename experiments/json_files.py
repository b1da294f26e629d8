"""JSON on disk: written whole or not at all, and never trusted when read."""

import json
import math
from pathlib import Path
from typing import Any

from charrnn_jax.errors import InputError


def write_json(path: Path, value: Any) -> None:
    """Writes whole or not at all. A figure that is infinite or not a number is written as null."""
    write_whole(path, json.dumps(_finite(value), indent=2, allow_nan=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Writes whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {name: _finite(item) for name, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float():
            return value if math.isfinite(value) else None
    return value


def read_json(path: Path, kind: type = dict) -> Any:
    """What `write_json` wrote, of that kind. Raises InputError for anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): remove it") from None
    if not isinstance(value, kind):
        raise InputError(f"{path} is damaged (not a {kind.__name__}): remove it")
    return value
