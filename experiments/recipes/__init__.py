"""One small file a named configuration; its docstring says what it is of, on what it runs and what it gave.

    python -m experiments.train --recipe NAME --data-dir DIR

A time that no one here has measured is not given, is called an estimate, or is the authors'. A setting that differs
from theirs is named, but for one that all recipes of characters share: to the characters of the training text come 16
digits, which write any other (`charrnn_jax.text.char`).
"""

import pkgutil
from importlib import import_module
from types import ModuleType

from rich.table import Table

from charrnn_jax.errors import InputError
from experiments.run_config import Config

NAMES = sorted(module.name for module in pkgutil.iter_modules(__path__))


def recipe(name: str) -> Config:
    """The configuration of that name. Raises InputError where there is none."""
    if name not in NAMES:
        raise InputError(f"there is no recipe {name!r}: use one of {', '.join(NAMES)}")
    return module_of(name).RECIPE


def table_of_recipes() -> Table:
    """Every recipe with the first line of its docstring."""
    table = Table("recipe", "what it is", title="python -m experiments.train --recipe NAME")
    for name in NAMES:
        table.add_row(name, (module_of(name).__doc__ or "").partition("\n")[0])
    return table


def module_of(name: str) -> ModuleType:
    """The file of a recipe."""
    return import_module(f"{__name__}.{name}")
