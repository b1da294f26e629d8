"""Writes the page of a comparison again, its tables in Markdown and its learning curves, from its results.json.

    python -m experiments.report RUN_DIR [--open]

Reads RUN_DIR/results.json, as `experiments.char_vs_word` has written it, and nothing else; writes report.html,
report.md and learning_curves.png there.
Hardware: any. Time: five seconds. Expected: the same page, byte for byte, from the same results.json.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from charrnn_jax.errors import InputError
from experiments.json_files import read_json
from experiments.report.writing import write_report
from experiments.shell import console, open_in_browser, run

SCHEMA = 2
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
    source, page = config.run / "results.json", config.run / "report.html"
    results = read_results(config.run)
    try:
        write_report(results, config.run)
    except DAMAGED as error:
        raise InputError(f"{source} is damaged ({type(error).__name__}: {error}): measure again") from error
    console.print(f"wrote {page}, report.md and learning_curves.png", soft_wrap=True)
    if config.open:
        open_in_browser(page)


def read_results(folder: Path) -> dict[str, Any]:
    """The results.json of a comparison. Raises InputError for anything else."""
    path = folder / "results.json"
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give the --out of experiments.char_vs_word")
    if not path.is_file():
        raise InputError(f"{folder} holds no results.json: finish its comparison, or give another folder")
    results = read_json(path)
    if "models" not in results:
        raise InputError(f"{path} is not of a comparison: give the --out of experiments.char_vs_word")
    if results.get("schema") != SCHEMA:
        said = f"{path} is of schema {results.get('schema')!r:.20}, and this version reads {SCHEMA}"
        raise InputError(f"{said}: measure again, or use the version that wrote it")
    models = results["models"]
    if not (isinstance(models, dict) and models and all(isinstance(model, dict) for model in models.values())):
        raise InputError(f"{path} is damaged (it has no models): measure again")
    return results


if __name__ == "__main__":
    run(main, Config, __doc__)
