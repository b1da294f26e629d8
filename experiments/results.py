"""The results of recipes in one table: docs/results.md, from the files that the runs wrote.

    python -m experiments.results

Reads results/RECIPE-seedN.json, each the results.json of a run of `experiments.train --recipe RECIPE`, and those of
results/first/, of runs that `--steps` ended early. Hardware: any. Time: a second. Expected: the same page as before,
where no run was added.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn_jax.errors import InputError
from experiments import process
from experiments.json_files import write_whole
from experiments.published import UNITS, Published
from experiments.recipes import module_of
from experiments.recorded import Recorded, recorded
from experiments.report.markdown import markdown
from experiments.shell import console, run

HEAD = """# Results of the recipes

`python -m experiments.train --recipe NAME --data-dir DIR` runs a recipe; `--list-recipes` says what each is. Every
figure here is from the `results.json` that a run wrote, kept in `results/`; `python -m experiments.results` makes this
page of them. Several seeds: their mean, and the lowest and highest. Perplexity is per token, `<eos>` included.
"""
PTB = """## Penn Treebank: words and characters over the same text

Total bits are of the whole test text, and bits per character are those over its characters, for both alike.
"""
FIRST = """## First passes

Of recipes that take longer than was at hand, the first passes alone: up to there, the schedule is the recipe's own. The
figure is that of validation after each; it says how a run begins, and nothing about where it ends.
"""
HOW = """## How they were run

The time is that of training steps: compilation, validation and the last scoring come on top.
Where no processor is named, the cores are the machine's: such a run had as many of them as it names devices.
"""
NOT_RUN = "not run"


@dataclass(frozen=True)
class Config:
    """Where the results are, and where the page goes."""

    results: Path = Path("results")
    """The folder with a file a run."""
    page: Path = Path("docs/results.md")
    """The page to write."""


def main(config: Config) -> None:
    """Writes the page. Raises InputError where there are no results, and for one that is not of the recipe as it is."""
    runs, first = recorded(config.results), recorded(config.results / "first", first=True)
    if not any(runs.values()):
        raise InputError(f"{config.results} has no RECIPE-seedN.json of any recipe: give --results the folder that has")
    write_whole(config.page, page(runs, first))
    console.print(f"wrote {config.page}")


def page(runs: Recorded, first: Recorded) -> str:
    """In Markdown."""
    done, begun = ({name: each for name, each in some.items() if each} for some in (runs, first))
    ptb = {name: each for name, each in done.items() if each[0]["corpus"]["name"] == "ptb"}
    figures = _table(("recipe", "text", "figure", "published", "obtained"), [_figures(*item) for item in runs.items()])
    bits = _table(("recipe", "total bits", "characters", "bits per character"), [_bits(*item) for item in ptb.items()])
    beginnings = [_first(name, each) for name, several in begun.items() for each in several]
    passes = _table(("recipe", "steps", "of", "figure", "obtained"), beginnings)
    every = [*done.items(), *begun.items()]
    how = _table(("recipe", "time", "hardware", "commit"), [_how(*item) for item in every])
    commands = "\n".join(f"    {each['command']}" for _, several in every for each in several)
    return "\n".join([HEAD, figures, PTB, bits, *([FIRST, passes] if begun else []), HOW, how, commands]) + "\n"


def _figures(name: str, runs: list[dict[str, Any]]) -> tuple[str, ...]:
    published: Published = module_of(name).PUBLISHED
    unit, split = published.unit, published.split
    obtained = _spread([run["scores"][split][unit] for run in runs], 2 if unit.startswith("perplexity") else 4)
    if runs and split == "valid":  # what is said of programs that keep their best checkpoint
        lowest = [math.log(2) * min(point["valid_bits_per_char"] for point in run["curve"]) for run in runs]
        obtained += f"; the lowest on the way {_spread(lowest, 4)}"
    stated = "none found" if published.figure is None else f"{published.figure:g}"
    return name, module_of(name).RECIPE.corpus, f"{UNITS[unit]}, {split}", stated, obtained


def _first(name: str, run: dict[str, Any]) -> tuple[str, ...]:
    unit, valid = module_of(name).PUBLISHED.unit, run["scores"]["valid"]
    bits = [point["valid_bits_per_char"] for point in run["curve"]]
    nats = [each * valid["nats_per_token"] / valid["bits_per_char"] for each in bits]
    figures = {"bits_per_char": bits, "nats_per_token": nats, "perplexity_per_token": [math.exp(x) for x in nats]}[unit]
    obtained = ", ".join(f"{figure:.{1 if unit.startswith('perplexity') else 3}f}" for figure in figures)
    return name, f"{run['step']:,}", f"{module_of(name).RECIPE.steps:,}", f"{UNITS[unit]}, valid", obtained


def _bits(name: str, runs: list[dict[str, Any]]) -> tuple[str, ...]:
    tests = [run["scores"]["test"] for run in runs]
    total = _spread([test["nats"] / math.log(2) for test in tests], 0)
    return name, total, f"{tests[0]['chars']:,}", _spread([test["bits_per_char"] for test in tests], 4)


def _how(name: str, runs: list[dict[str, Any]]) -> tuple[str, ...]:
    minutes = _spread([run["curve"][-1]["seconds"] / 60 for run in runs], 0)
    hardware = "; ".join(dict.fromkeys(_hardware(run["environment"]) for run in runs))
    commits = sorted({str(run["environment"].get("commit")) for run in runs})
    return name, f"{minutes} min", hardware, ", ".join(commits)


def _hardware(environment: dict[str, Any]) -> str:
    cores = f"{environment['cores']} core{'s' * (environment['cores'] > 1)}"
    told = [*environment["devices"], cores, environment["processor"], environment["precision"]]
    return ", ".join(each for each in told if each)


def _spread(values: list[float], places: int) -> str:
    """The mean, and where there are several the lowest and highest."""
    if not values:
        return NOT_RUN
    mean, low, high = (f"{x:,.{places}f}" for x in (sum(values) / len(values), min(values), max(values)))
    return mean if len(values) == 1 else f"{mean} ({low} to {high}; {len(values)} seeds)"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return markdown(header, rows, ["---"] * len(header)) + "\n"


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
