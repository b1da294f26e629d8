"""JSON on disk: written whole or not at all, and never trusted when read."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeAlias

from charrnn_jax.errors import InputError

Shape: TypeAlias = "type | UnionType | list[Shape] | Mapping[str, Shape]"
"""Of a JSON value: its type; `[shape]`, a list of one or more; or the names that it has, each with a shape again."""


def write_json(path: Path, value: Any) -> None:
    """Writes whole or not at all. A figure that is infinite or not a number is written as null."""
    write_whole(path, json.dumps(_finite(value), indent=2, allow_nan=False) + "\n")


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes whole or not at all. Raises InputError where a folder is in the way."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, and a file is to be written there: move it away, and try again")
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {name: _finite(item) for name, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float():
            return value if math.isfinite(value) else None
    return value


def read_json(path: Path, shape: Shape = dict, advice: str = "remove it") -> Any:
    """What `write_json` wrote, of that shape. Raises InputError for anything else: `advice` says what to do then."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): {advice}") from None
    for fault in faults(value, shape):
        raise InputError(f"{path} is damaged ({fault}): {advice}")
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def faults(value: Any, shape: Shape, *names: str) -> Iterator[str]:
    """What is not as the shape has it; `names` say where the value was."""
    kind = dict if isinstance(shape, Mapping) else list if isinstance(shape, list) else shape
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{'.'.join(names) or 'it'} is not a {getattr(kind, '__name__', kind)}"
    elif isinstance(shape, Mapping):
        for name, inner in shape.items():
            if name in value:
                yield from faults(value[name], inner, *names, name)
            else:
                yield f"{'.'.join(names) or 'it'} has no {name}"
    elif isinstance(shape, list):
        if not value:
            yield f"{'.'.join(names) or 'it'} is empty"
        for item in value:
            yield from faults(item, shape[0], *names)
