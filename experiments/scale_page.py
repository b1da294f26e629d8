"""The tables of docs/scale.md, from a measurement and from the cost model: no figure of theirs is typed.

Command: `python -m experiments.scale_page`, after `experiments.scale`, whose scale.json belongs into results/.
Hardware: any. Time: some seconds. Expected: the same page as before, where neither has changed.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn_jax.errors import InputError
from experiments import process
from experiments.json_files import Shape, read_json, write_whole
from experiments.report.scale import Sheet, agreement_sheet, markdown_table, measured_sheets
from experiments.report.scale_limits import limits_sheet
from experiments.report.scale_plans import benchmarks_sheet, models_sheet, plan_sheets
from experiments.scaling.comparison import machine_from
from experiments.scaling.workload import Workload
from experiments.shell import console, run

PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
ROW: Shape = {"work": dict, "planned": dict, "predicted": dict, "bytes_ratio": float}
SHAPE: Shape = {
    "machines": [{"devices": int, "product": float, "recurrent": float, "memory": float}],
    "rows": {sweep: [{**ROW, "median": float}] for sweep in ("devices", "batch", "vocabulary")},
    "shards": {"vocab": [{**ROW, "held": int}], "data": [ROW]},
    "benchmarks": dict,
    "threads": list,
    "environment": {"devices": [str], "cores": int},
    "command": str,
}
"""Of scale.json, what the page needs."""


@dataclass(frozen=True)
class Config:
    """Where the measurement is, and where its tables go."""

    measured: Path = Path("results/scale.json")
    """What `experiments.scale` wrote."""
    page: Path = Path("docs/scale.md")
    """The page whose tables are written anew; its prose stays."""


def main(config: Config) -> None:
    """Writes the tables. Raises InputError where there is no measurement or no page, or the page asks for another."""
    for path, flag in ((config.measured, "--measured"), (config.page, "--page")):
        if not path.is_file():
            raise InputError(f"{path} is no file: give {flag} the one that is")
    report = read_json(config.measured, SHAPE, "measure again with experiments.scale")
    write_whole(config.page, filled(config.page.read_text(encoding="utf-8"), sheets_of(report)))
    console.print(f"wrote {config.page}", soft_wrap=True)


def sheets_of(report: dict[str, Any]) -> dict[str, Sheet]:
    """Every table that the page can have, by name."""
    base = Workload(**report["rows"]["devices"][0]["work"])
    return {
        **measured_sheets(report),
        "agreement": agreement_sheet(report),
        "benchmarks": benchmarks_sheet(report["benchmarks"]),
        "models": models_sheet(),
        "limits": limits_sheet(),
        **plan_sheets(machine_from(report["machines"][-1]), base),
    }


def filled(page: str, sheets: dict[str, Sheet]) -> str:
    """The page with these tables in their places. Raises InputError for a place whose table there is not."""

    def table(place: re.Match[str]) -> str:
        if place[2] not in sheets:
            raise InputError(f"there is no table {place[2]}: use {', '.join(sheets)}")
        return f"{place[1]}\n{markdown_table(sheets[place[2]])}\n{place[3]}"

    return PLACE.sub(table, page)


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
