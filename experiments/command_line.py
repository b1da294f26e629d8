"""The command line of an experiment, and its configuration in a file."""

import io
import re
import shlex
import sys
from collections.abc import Callable, Set
from contextlib import redirect_stderr
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import tyro

from charrnn_jax.errors import InputError
from experiments.json_files import read_json, write_json

Config = TypeVar("Config")
OF_A_START = {"resume", "distributed", "coordinator", "processes", "process_id"}
"""How a process was started, not what it runs: as it may be another one the next time, it is not written down."""


def read_command_line(config: type[Config], description: str, named: Callable[[str], Config] | None = None) -> Config:
    """The configuration that the flags ask for; `--config FILE` gives the values of those that are not there, or
    `--recipe NAME` the configuration `named` so.

    Raises InputError where they cannot be read.
    """
    program, said = " ".join(["python", "-m", module()]), io.StringIO()
    default, flags = _named(config, named)
    if named:
        description += "\n\n--recipe NAME takes the values of a recipe; --list-recipes shows them."
    try:
        with redirect_stderr(said):
            description += "\n\n--config FILE reruns the config.json that a run has written."
            read = partial(tyro.cli, config, prog=program, description=description, args=flags)
            return read() if default is None else read(default=default)
    except SystemExit as stopped:
        if not stopped.code:
            raise
        # Tyro draws a box: a title, the error in lines, and where help is.
        lines = re.sub("[╭╮╰╯│─]", " ", said.getvalue()).splitlines()
        error = re.split("Argument helptext|For full helptext", " ".join(lines[1:]))[0].strip(" .")
        raise InputError(f"{error}; see {program} --help") from None


def _named(config: type[Config], named: Callable[[str], Config] | None) -> tuple[Config | None, list[str]]:
    """The configuration of `--config` or `--recipe`, if there is one, and all other words of the command line."""
    files, flags = _values_of("--config", sys.argv[1:])
    names, flags = _values_of("--recipe", flags) if named else ([], flags)
    if len(files) + len(names) > 1:
        raise InputError("each --config and each --recipe has a value for everything: use one of them, and flags")
    if names and named:
        return named(names[0]), flags
    return read_config(Path(files[0]), config) if files else None, flags


def _values_of(flag: str, words: list[str]) -> tuple[list[str], list[str]]:
    """The values that come with a flag, and all other words."""
    values, others = [], []
    rest = iter(words)
    for word in rest:
        if word == flag:
            values.append(next(rest, ""))
        elif word.startswith(f"{flag}="):
            values.append(word.removeprefix(f"{flag}="))
        else:
            others.append(word)
    return values, others


def command() -> str:
    """The command line that started this process, ready to be pasted."""
    return shlex.join(["python", "-m", module(), *sys.argv[1:]])


def command_of(config: Any) -> str:
    """The command line that begins a run with this configuration: every flag whose value is not the default."""
    words = ["python", "-m", module()]
    for field in fields(config):
        value = getattr(config, field.name)
        if value != field.default and field.name not in OF_A_START:
            words += _words_of(field.name, value)
    return shlex.join(words)


def _words_of(name: str, value: Any) -> list[str]:
    """The words that give a field this value."""
    if isinstance(value, bool):
        return [flag_of(name) if value else flag_of(f"no_{name}")]
    if isinstance(value, tuple):
        return [flag_of(name), *map(str, value)]
    return [flag_of(name), str(value)]


def flag_of(name: str) -> str:
    """The flag of a field."""
    return f"--{name.replace('_', '-')}"


def module() -> str:
    """The experiment that this process runs."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec else Path(sys.argv[0]).stem


def flags_given() -> set[str]:
    """The fields that the command line names."""
    words = (word.split("=")[0] for word in sys.argv[1:] if word.startswith("--"))
    return {word.removeprefix("--no-").removeprefix("--").replace("-", "_") for word in words}


def continued(given: Config, stored: Config, free: Set[str]) -> Config:
    """The stored configuration of the run in `--resume`, and of the command line what is free to differ from it.

    Raises InputError for any other flag that does.
    """
    folder: Path = getattr(given, "resume")  # noqa: B009
    changes: dict[str, Any] = {"resume": folder, "out": folder}
    for field in fields(stored):  # type: ignore[arg-type]
        value = getattr(given, field.name)
        unsaid = value == field.default and field.name not in flags_given()
        same = field.name == "out" and value and (value.resolve() == folder.resolve() or "out" not in flags_given())
        if field.name == "resume" or unsaid or same or value == getattr(stored, field.name):
            continue
        if field.name not in free:
            flag = f"{flag_of(field.name)} {value}"
            raise InputError(
                f"{flag} is not what the run in {folder} has: leave it, and --recipe or --config, out, or begin another"
            )
        changes[field.name] = value
    return replace(stored, **changes)  # type: ignore[type-var]


def write_config(path: Path, config: Any) -> None:
    """The whole configuration of this run, for `--config`."""
    write_json(path, {"schema": 1, "experiment": module(), "config": plain(config)})


def read_config(path: Path, kind: type[Config], advice: str = "give --config one that it has written") -> Config:
    """What `write_config` wrote. Raises InputError for anything else: `advice` says what to do then."""
    if not path.is_file():
        raise InputError(f"{path} is no file: {advice}")
    stored = read_json(path, dict, advice)
    try:
        return from_plain(kind, stored["config"])
    except (TypeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no configuration of {module()} ({reason}): {advice}") from None


def plain(config: Any) -> dict[str, Any]:
    """A configuration in plain JSON values."""
    began = {field.name: field.default for field in fields(config) if field.name in OF_A_START}
    return {name: str(value) if isinstance(value, Path) else value for name, value in (asdict(config) | began).items()}


def from_plain(kind: type[Config], values: dict[str, Any]) -> Config:
    """The inverse of `plain`. Raises TypeError for a value of another type, KeyError for a missing one."""
    read = {}
    for name, wanted in get_type_hints(kind).items():
        value = values[name]
        if isinstance(value, str) and "\0" in value:
            raise TypeError(f"{name} is {value!r}")
        value = Path(value) if isinstance(value, str) and Path in (wanted, *get_args(wanted)) else value
        if get_origin(wanted) is tuple:
            item = get_args(wanted)[0]
            if not isinstance(value, list | tuple) or not all(type(each) is item for each in value):
                raise TypeError(f"{name} is {value!r}")
            value, wanted = tuple(value), tuple
        allowed = [type(literal) for literal in get_args(wanted)] if get_origin(wanted) is Literal else get_args(wanted)
        if not isinstance(value, tuple(allowed) or wanted) or (isinstance(value, bool) and wanted is not bool):
            raise TypeError(f"{name} is {value!r}")
        read[name] = value
    return kind(**read)
