"""What this machine has, and whether the code computes right on it: the first thing to run, and to paste in a report.

Claim     on this machine's devices the fast paths equal their plain twins, training learns and repeats bit for bit,
          and what is saved comes back as it was.
Command   python -m experiments.doctor [--data-dir DIR] [--out DIR]
Hardware  any.
Time      ten seconds on two CPU cores.
Expected  a line for each check that begins with ok, and exit code 0. A check that fails says what to do, and the exit
          code is 1; it is 2 for a command line that cannot be used.
"""

import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from charrnn_jax.errors import InputError
from experiments import process
from experiments.machine import facts, find_corpora, said
from experiments.self_check import Check, all_checks
from experiments.shell import console, nearest, run


@dataclass(frozen=True)
class Config:
    """Where to look."""

    data_dir: Path | None = None
    """Folder with the known corpora; CHARRNN_DATA or the user's cache if not given."""
    out: Path = Path("runs")
    """Where runs are to be written; nothing stays there."""


def main(config: Config) -> None:
    """Prints facts and checks; exit code 1 where a check failed."""
    begun = time.perf_counter()
    if config.data_dir and not config.data_dir.is_dir():
        raise InputError(f"--data-dir {config.data_dir} is no folder: give the one that holds the corpora")
    if not nearest(config.out).is_dir():
        raise InputError(f"--out {config.out}: {nearest(config.out)} is a file: choose another --out")
    warnings.filterwarnings("ignore", message="Error .* persistent compilation cache")  # a line of its own says so
    corpora = find_corpora(config.data_dir)
    console.print("What this machine has", style="bold")
    for name, line in facts(config.out, corpora):
        _print_row(name, line)
    console.print("\nWhether the code computes right on it", style="bold")
    checks = all_checks(config.out, corpora)
    failed = _run_all(checks)
    seconds = time.perf_counter() - begun
    if failed:
        console.print(f"\n{failed} of {len(checks)} checks failed, {seconds:.0f} seconds")
        sys.exit(1)
    console.print(f"\nAll {len(checks)} checks are ok, {seconds:.0f} seconds")


def _run_all(checks: list[Check]) -> int:
    """How many failed. Without devices the rest is left out."""
    failed = 0
    for check in checks:
        begun = time.perf_counter()
        error, measured = _outcome(check)
        if error:
            failed += 1
            _print_row("failed", f"{check.claim}: {error}. What to do: {check.remedy}", style="red")
        else:
            _print_row("ok", check.claim, f"{measured}{time.perf_counter() - begun:>6.1f} s")
        if error and check is checks[0]:
            _print_row("", "The other checks need devices: they were left out.")
            break
    return failed


def _outcome(check: Check) -> tuple[str, str]:
    """What went wrong, or what was measured."""
    try:
        return "", check.measure()
    except Exception as error:  # checks look for what no one foresaw, and none may hide those behind it
        return said(error), ""


def _print_row(name: str, line: str, end: str = "", style: str = "") -> None:
    """A name, and a text that goes on below itself where it is long."""
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(width=11)
    row.add_column(ratio=1, overflow="fold")
    row.add_column(justify="right", no_wrap=True)
    row.add_row(f"  {name}", line, end, style=style)
    console.print(row)


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
