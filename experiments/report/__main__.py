"""Writes the page of a comparison again, its tables in Markdown and its learning curves, from its results.json.

    python -m experiments.report RUN_DIR [--open]

Reads RUN_DIR/results.json, as `experiments.char_vs_word` has written it, and nothing else; writes report.html,
report.md and learning_curves.png there.
Hardware: any. Time: five seconds. Expected: the same page, byte for byte, from the same results.json.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from charrnn_jax.errors import InputError
from experiments.json_files import Shape, faults, read_json
from experiments.report.writing import report_of, write_report
from experiments.shell import console, open_in_browser, run

SCHEMA = 2
FIGURE: Shape = dict.fromkeys(("mean", "low", "high"), float | None)
MODEL: Shape = {"bits_per_char": {"valid": FIGURE, "test": FIGURE}, "seeds": [{"curve": list}]}
"""What no model is without; all else that results.json says of one may be absent."""
DAMAGED = (TypeError, KeyError, ValueError, AttributeError, IndexError, ArithmeticError)
"""What reading a value of another kind than the expected one may raise."""


@dataclass(frozen=True)
class Config:
    """A finished comparison."""

    run: Positional[Path]
    """The folder of a comparison, with its results.json."""
    open: bool = False
    """Show the page in the browser."""


def main(config: Config) -> None:
    """Writes what is made of the results."""
    results, page = read_results(config.run), config.run / "report.html"
    try:
        report = report_of(results)
    except DAMAGED as error:
        raise damaged(config.run, f"{type(error).__name__}: {error}") from error
    write_report(report, config.run)
    console.print(f"wrote {page}, report.md and learning_curves.png", soft_wrap=True)
    if config.open:
        open_in_browser(page)


def read_results(folder: Path) -> dict[str, Any]:
    """The results.json of a comparison. Raises InputError for anything else."""
    path = folder / "results.json"
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give the --out of experiments.char_vs_word")
    if not path.is_file():
        raise InputError(f"{folder} holds no results.json: {written_again(folder)}, or give another folder")
    results = read_json(path, dict, written_again(folder))
    if "models" not in results:
        raise InputError(f"{path} is not of a comparison: give the --out of experiments.char_vs_word")
    if results.get("schema") != SCHEMA:
        said = f"{path} is of schema {results.get('schema')!r:.20}, and this version reads {SCHEMA}"
        raise InputError(f"{said}: measure again, or use the version that wrote it")
    models = results["models"]
    if not (isinstance(models, dict) and models):
        raise damaged(folder, "it has no models")
    for fault in faults(models, dict.fromkeys(models, MODEL)):
        raise damaged(folder, fault)
    return results


def damaged(folder: Path, reason: str) -> InputError:
    """What is said of its results.json."""
    return InputError(f"{folder / 'results.json'} is damaged ({reason}): {written_again(folder)}")


def written_again(folder: Path) -> str:
    """How its results.json comes back: what was measured is kept beside it, unless the folder is a copy."""
    if (folder / "config.json").is_file():
        return f"python -m experiments.char_vs_word --resume {shlex.quote(str(folder))} writes it again"
    return "restore it, or measure again"


if __name__ == "__main__":
    run(main, Config, __doc__)
