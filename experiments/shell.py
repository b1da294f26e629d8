"""What every experiment shares with the terminal: its command line, its banner, its folder, its way to fail."""

import json
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
    try:
        given = (
            tyro.cli(config, description=description)
            if default is None
            else tyro.cli(config, description=description, default=default)
        )
        main(given)
    except (InputError, OSError) as error:
        sys.exit(fail(error))


def fail(error: Exception) -> int:
    """Says one line on standard error, and returns the exit code for input that cannot be used."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def require_positive(**sizes: float) -> None:
    """Raises InputError for the first size that is not above zero, by the name of its flag."""
    for name, size in sizes.items():
        if not size > 0:
            raise InputError(f"--{name.replace('_', '-')} is {size} and must be above zero")


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


def open_out(folder: Path, marker: str = "results.json") -> Path:
    """Makes the output folder; one that holds another run is refused, so that nothing is lost."""
    if (folder / marker).exists():
        raise InputError(f"{folder} holds another run ({marker}): choose another --out, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_json(path: Path, value: Any) -> None:
    """Writes whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def track(values: Iterable[float], label: str, first: int, last: int) -> Iterator[float]:
    """The values of steps `first` to `last`; on a terminal, with a progress bar and the time left to `last`."""
    columns = (TextColumn("  {task.description}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=last, completed=first)
        for value in values:
            yield value
            progress.advance(task)
