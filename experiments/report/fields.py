"""Reading results.json: any field may be absent or null, because it was not measured."""

import math
from typing import Any, NamedTuple


class Estimate(NamedTuple):
    """A figure with its 95 % interval, where it has one."""

    value: float | None
    low: float | None = None
    high: float | None = None


def pick(record: Any, *names: str) -> Any:
    """What is under these names, one inside the other, or None."""
    for name in names:
        record = record.get(name) if isinstance(record, dict) else None
    return record


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def figure(record: Any, *names: str) -> float | None:
    """The number under these names, or None."""
    return number(pick(record, *names))


def estimate(record: Any, value: str) -> Estimate:
    """The figure of that name with the interval beside it; a number alone is a figure without one."""
    if not isinstance(record, dict):
        return Estimate(number(record))
    return Estimate(figure(record, value), figure(record, "low"), figure(record, "high"))


def items(record: Any, *names: str) -> list[Any]:
    """The list under these names; empty where there is none."""
    value = pick(record, *names)
    return value if isinstance(value, list) else []


def entries(record: Any, *names: str) -> dict[str, Any]:
    """The dictionary under these names; empty where there is none."""
    value = pick(record, *names)
    return value if isinstance(value, dict) else {}
