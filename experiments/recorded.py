"""The results of recipes as they are kept: results/RECIPE-seedN.json, and in results/first/ those of first passes."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from charrnn_jax.errors import InputError
from experiments.command_line import flag_of, plain
from experiments.json_files import Shape, faults, read_json
from experiments.published import UNITS
from experiments.recipes import NAMES, module_of
from experiments.run_config import Config

SCORE: Shape = {"nats": float, "chars": int, **dict.fromkeys(UNITS, float)}
SHAPE: Shape = {
    "corpus": {"name": str},
    "scores": {"valid": SCORE, "test": SCORE},
    "step": int,
    "curve": [{"step": int, "seconds": float, "valid_bits_per_char": float}],
    "environment": {"devices": [str], "cores": int, "precision": str},
    "command": str,
}
"""Of a run's results, what the page needs: a figure that was not finite is null there, and no result."""
LATER: Shape = {"config": dict, "environment": {"processor": str}}
"""What the first runs lack."""
RESTORE = "restore it, or run it again"
FREE = {
    "seed",
    "data_dir",
    "store_dir",
    "mesh",
    "report_every",
    "save_every",
    "keep",
    "sample_chars",
    "tensorboard",
    "out",
}
"""What a run may choose and still be one of its recipe."""
FREE_AT_FIRST = FREE | {"steps", "points", "precision"}
"""And what may differ in its first passes."""

Recorded = dict[str, list[dict[str, Any]]]
"""Of each recipe, what its runs wrote, by seed."""


class Place(NamedTuple):
    """Where a result is, and what the name of its file says."""

    path: Path
    recipe: str
    seed: int


def recorded(folder: Path, first: bool = False) -> Recorded:
    """Of every recipe its runs in that folder: none, where there is none.

    Raises InputError for a file of no recipe, for one that is damaged, and for one whose settings are not those of its
    recipe: where they are `first` passes, those that shape them.
    """
    places = sorted((_place(path) for path in folder.glob("*-seed*.json")), key=lambda place: place.seed)
    return {name: [_read(place, first) for place in places if place.recipe == name] for name in NAMES}


def _place(path: Path) -> Place:
    found = re.fullmatch(r"(.+)-seed(\d+)", path.stem)
    if not found or found[1] not in NAMES:
        raise InputError(f"{path} is of no recipe: rename it to RECIPE-seedN.json, or move it away")
    return Place(path, found[1], int(found[2]))


def _read(place: Place, first: bool) -> dict[str, Any]:
    run = read_json(place.path, SHAPE, RESTORE)
    recipe: dict[str, Any] = json.loads(json.dumps(plain(module_of(place.recipe).RECIPE)))
    config = run.get("config")
    run = {"config": {}, **run, "environment": {"processor": "", **run["environment"]}}
    for fault in faults(run, LATER):
        raise InputError(f"{place.path} is damaged ({fault}): {RESTORE}")
    _require_same(place, "the text", run["corpus"]["name"], recipe["corpus"])
    taken = run["curve"][-1]["step"]
    if not first and taken != recipe["steps"]:
        raise InputError(
            f"{place.path} is of {taken:,} steps, and the recipe has {recipe['steps']:,}: run it again, or move one"
            " that has only begun to the folder first/ beside it"
        )
    if config is not None:
        _require_settings(place, run["config"], recipe, FREE_AT_FIRST if first else FREE)
    return run


def _require_settings(place: Place, config: dict[str, Any], recipe: dict[str, Any], free: set[str]) -> None:
    """A setting that is younger than the run had its default."""
    config = {**json.loads(json.dumps(plain(Config()))), **config}
    _require_same(place, "--seed", config["seed"], place.seed)
    for setting, value in config.items():
        if setting not in free:
            _require_same(place, flag_of(setting), value, recipe.get(setting))


def _require_same(place: Place, what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise InputError(f"{place.path} has {found} as {what}, where its recipe and name have {expected}: run it again")
