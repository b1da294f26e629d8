"""What a training step takes and holds on many devices, as sheets of text: for a terminal, and for a page."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from experiments.report.markdown import markdown

MB, GB, GFLOP = 1e6, 1e9, 1e9
DASH = "–"
WHAT = {
    "devices": "Number of devices that share the streams",
    "batch": "Batch size",
    "vocabulary": "Vocabulary, and what the devices share: streams (data) or vocabulary (vocab)",
}


class Sheet(NamedTuple):
    """A table before it is drawn: the first column is text, the others are figures."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def terminal_table(sheet: Sheet) -> Table:
    """For 80 columns."""
    table = Table(title=sheet.title, box=box.SIMPLE_HEAD, show_edge=False, title_justify="left", padding=(0, 1, 0, 0))
    for i, heading in enumerate(sheet.header):
        table.add_column(heading, justify="right" if i else "left", no_wrap=True, vertical="bottom")
    for row in sheet.rows:
        table.add_row(*row)
    return table


def markdown_table(sheet: Sheet) -> str:
    """The same in Markdown, without its title."""
    header = [" ".join(heading.split()) for heading in sheet.header]
    return markdown(header, sheet.rows, ["---", *["--:"] * (len(header) - 1)]) + "\n"


def measured_sheets(report: dict[str, Any]) -> dict[str, Sheet]:
    """Of scale.json: the machine, each sweep, the plans by number of devices, and threads where they were compared."""
    sheets = {"machine": machine_sheet(report["machines"])}
    sheets |= {sweep: sweep_sheet(rows, WHAT[sweep]) for sweep, rows in report["rows"].items()}
    sheets["shards"] = shards_sheet(report["shards"])
    return sheets | ({"threads": threads_sheet(report["threads"])} if report["threads"] else {})


def machine_sheet(machines: Sequence[dict[str, Any]]) -> Sheet:
    """What each device does while all of them are at it."""
    header = (
        "devices",
        "products,\nGFLOP/s",
        "in a loop,\nGFLOP/s",
        "memory,\nGB/s",
        "all-reduce,\nGB/s",
        "latency,\nµs",
    )
    rows = []
    for machine in machines:
        rates = machine["product"] / GFLOP, machine["recurrent"] / GFLOP, machine["memory"] / GB
        link = machine["link"]
        sent = (f"{link['bandwidth'] / GB:.2f}", f"{1e6 * link['latency']:.0f}") if link else (DASH, DASH)
        rows.append((str(machine["devices"]), *(f"{rate:.1f}" for rate in rates), *sent))
    return Sheet("The machine, each device while all are at work", header, rows)


def sweep_sheet(rows: Sequence[dict[str, Any]], title: str) -> Sheet:
    """Measured, and predicted over measured."""
    header = ("mesh", "V", "B", "ms", "±", "tokens/s", "MB a\ndevice", "time,\npredicted", "memory,\npredicted")
    return Sheet(title, header, [_measured(row) for row in rows])


def _measured(row: dict[str, Any]) -> tuple[str, ...]:
    work, (low, high) = row["work"], row["quartiles"]
    return (
        mesh_name(work),
        f"{work['V']:,}",
        str(work["B"]),
        f"{1e3 * row['median']:.1f}",
        f"{(high - low) / 2 / row['median']:.0%}",
        f"{row['tokens_per_second']:,.0f}",
        f"{row['planned']['total'] / MB:,.1f}",
        f"{row['seconds_ratio']:.2f}",
        f"{row['bytes_ratio']:.2f}",
    )


def mesh_name(work: dict[str, Any]) -> str:
    """`data=2`, as `--mesh` has it."""
    said = [f"{axis}={work[axis]}" for axis in ("data", "vocab") if work[axis] > 1]
    return ",".join(said) or "alone"


def shards_sheet(shards: dict[str, list[dict[str, Any]]]) -> Sheet:
    """Megabytes a device, and what n of them are to one alone: 1 where memory falls as 1/n."""
    header = ("mesh", "held,\nMB", "state,\nMB", "in a step,\nMB", "n × held\n/ alone", "n × total\n/ alone")
    header = (*header, "memory,\npredicted")
    rows: dict[str, tuple[str, ...]] = {}
    for row, first in ((row, several[0]) for several in shards.values() for row in several):
        rows.setdefault(mesh_name(row["work"]), _planned(row, first))  # one device alone is in both
    title = f"Memory a device, held and planned: vocabulary of {shards['vocab'][0]['work']['V']:,}"
    return Sheet(title, header, list(rows.values()))


def _planned(row: dict[str, Any], first: dict[str, Any]) -> tuple[str, ...]:
    plan, alone = row["planned"], first["planned"]
    more = _devices(row) / _devices(first)
    held = row.get("held")
    return (
        mesh_name(row["work"]),
        f"{held / MB:,.1f}" if held else "–",
        *(f"{plan[part] / MB:,.1f}" for part in ("arguments", "temporary")),
        f"{more * held / first['held']:.2f}" if held else "–",
        f"{more * plan['total'] / alone['total']:.2f}",
        f"{row['bytes_ratio']:.2f}",
    )


def _devices(row: dict[str, Any]) -> int:
    return row["work"]["data"] * row["work"]["vocab"]


def threads_sheet(compared: Sequence[dict[str, Any]]) -> Sheet:
    """How much longer one device with threads takes."""
    header = ("LSTM", "a device\na core, ms", "one device,\nthreads, ms", "threads /\ndevices", "±")
    rows = []
    for each in compared:
        low, high = each["ratio_quartiles"]
        seconds = each["devices_seconds"], each["threads_seconds"]
        ratios = f"{each['ratio']:.2f}", f"{(high - low) / 2:.2f}"
        rows.append((each["size"], *(f"{1e3 * taken:.1f}" for taken in seconds), *ratios))
    return Sheet("A device a core, and one device with the threads of all cores", header, rows)


def agreement_sheet(report: dict[str, Any]) -> Sheet:
    """Over all steps, each once: what was predicted over what was found, from the least to the largest."""
    measured = _each_once(report["rows"].values())
    every = measured + _each_once([*report["shards"].values(), *report["benchmarks"].values()])
    ratios = {
        "time of a step, measured": [row["seconds_ratio"] for row in measured],
        "memory of a device, planned": [row["bytes_ratio"] for row in every],
        "bytes exchanged, in the program": [row["exchanged_ratio"] for row in every if row["exchanged_ratio"]],
    }
    header = ("predicted, over what was found", "steps", "least", "median", "largest")
    rows = []
    for what, found in ratios.items():
        spread = (f"{each:.3f}" for each in (min(found), median(found), max(found)))
        rows.append((what, str(len(found)), *spread))
    return Sheet("Agreement", header, rows)


def _each_once(sweeps: Iterable[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Their rows: a step may be in several of them."""
    return list({tuple(row["work"].values()): row for rows in sweeps for row in rows}.values())
