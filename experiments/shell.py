"""What every experiment shares with the terminal: its command line, its banner, its folder, its way to fail."""

import io
import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import jax
import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from charrnn_jax.errors import InputError

Config = TypeVar("Config")
console = Console(highlight=False)


def run(
    main: Callable[[Config], None], config: type[Config], description: str | None, default: Config | None = None
) -> None:
    """Reads the command line into `config` and calls `main`; what the user can mend ends in one line and exit 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # samples hold whatever a model writes
    try:
        given = (
            tyro.cli(config, description=description)
            if default is None
            else tyro.cli(config, description=description, default=default)
        )
        main(given)
    except (InputError, OSError) as error:
        sys.exit(fail(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def fail(error: Exception) -> int:
    """Says one line on standard error, and returns the exit code for input that cannot be used."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def require_positive(**sizes: float) -> None:
    """Raises InputError for the first size that is not above zero, by the name of its flag."""
    for name, size in sizes.items():
        if not (size > 0 and math.isfinite(size)):
            raise InputError(f"--{name.replace('_', '-')} is {size} and must be above zero")


def require_seed(*seeds: int) -> None:
    """Raises InputError for a seed that JAX would fold onto another one."""
    for seed in seeds:
        if not 0 <= seed < 2**32:
            raise InputError(f"--seed is {seed} and must be from 0 to {2**32 - 1}")


def environment() -> dict[str, Any]:
    """Devices, precision and versions: what a result depends on besides its command."""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "devices": [f"{device.platform}:{device.device_kind}" for device in jax.devices()],
        "cores": os.cpu_count(),
        "precision": "float32",
        "system": f"{platform.system()} {platform.machine()}",
    }


def banner(title: str) -> None:
    """Prints the title and the environment."""
    env = environment()
    versions = " ".join(f"{name} {version}" for name, version in env["versions"].items())
    console.print(f"[bold]{title}[/bold]")
    console.print(f"  devices    {', '.join(env['devices'])} ({env['cores']} cores), {env['precision']}")
    console.print(f"  versions   python {env['python']}, {versions}\n")


def command() -> str:
    """The command line that started this process, ready to be pasted."""
    module = Path(sys.argv[0]).stem
    return shlex.join(["python", "-m", f"experiments.{module}", *sys.argv[1:]])


def refuse_used(folder: Path) -> None:
    """Raises InputError for an output folder that holds anything."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: choose another --out")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds another run: choose another --out, or remove it")


def open_out(folder: Path) -> Path:
    """Makes the output folder; one that holds another run is refused, so that nothing is lost."""
    refuse_used(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_json(path: Path, value: Any) -> None:
    """Writes whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
    part.replace(path)


def track(values: Iterable[float], label: str, first: int, last: int) -> Iterator[float]:
    """The values of steps `first` to `last`; on a terminal, with a progress bar and the time left to `last`."""
    columns = (TextColumn("  {task.description}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=last, completed=first)
        for value in values:
            yield value
            progress.advance(task)
