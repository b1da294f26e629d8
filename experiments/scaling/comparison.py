"""A workload's prediction beside what was planned and measured, as scale.json has it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.scaling.calibration import ALONE, Calibrated
from experiments.scaling.collectives import Link, collectives, ring_seconds
from experiments.scaling.cost import Machine, bytes_of, seconds_of
from experiments.scaling.steps import Planned
from experiments.scaling.workload import Workload


def predicted(work: Workload, machine: Machine | None = None) -> dict[str, Any]:
    """By the cost model: bytes, collectives and, on a machine, seconds."""
    held, kinds = bytes_of(work), {}
    for exchange in collectives(work):
        kinds[exchange.kind] = kinds.get(exchange.kind, 0) + exchange.bytes
    found = {"bytes": held._asdict(), "total_bytes": held.total, "collectives": kinds}
    if machine is None:
        return found
    seconds = seconds_of(work, machine)
    return {**found, "seconds": seconds._asdict(), "total_seconds": seconds.total}


def planned_row(work: Workload, plan: Planned, machine: Machine | None = None) -> dict[str, Any]:
    """What is known of a step before it runs."""
    found = predicted(work, machine)
    total, exchanged = plan.arguments + plan.temporary, sum(plan.collectives.values())
    return {
        "work": work._asdict(),
        "planned": {**plan._asdict(), "total": total},
        "predicted": found,
        "bytes_ratio": found["total_bytes"] / total,
        "exchanged_ratio": sum(found["collectives"].values()) / exchanged if exchanged else None,
    }


def measured_row(work: Workload, plan: Planned, calibrated: Calibrated, seconds: Sequence[float]) -> dict[str, Any]:
    """And what it took, in every round. Ratios are of what was predicted to what was found: above 1 is too much."""
    row = planned_row(work, plan, calibrated.machine)
    low, median, high = np.percentile(seconds, (25, 50, 75)).tolist()
    return {
        **row,
        "seconds": list(seconds),
        "median": median,
        "quartiles": [low, high],
        "tokens_per_second": work.B * work.T / median,
        "seconds_ratio": row["predicted"]["total_seconds"] / median,
    }


def written(calibrated: Calibrated) -> dict[str, Any]:
    """Of so many devices."""
    machine, link = calibrated.machine, calibrated.machine.within
    sums = [
        {"bytes": size, "seconds": taken, "predicted": ring_seconds("all-reduce", size, machine.node, link)}
        for size, taken in calibrated.all_reduce.items()
    ]
    rates = {"product": machine.product, "recurrent": machine.recurrent, "memory": machine.memory}
    return {"devices": machine.node, **rates, "link": link._asdict() if sums else None, "all_reduce": sums}


def machine_from(found: dict[str, Any]) -> Machine:
    """What `written` was told, without the all-reduces."""
    link = Link(**found["link"]) if found["link"] else ALONE
    number, rates = found["devices"], (found["product"], found["recurrent"], found["memory"])
    return Machine(f"{number} measured", *rates, within=link, between=link, node=number)
