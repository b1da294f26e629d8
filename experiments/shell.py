"""What every experiment shares with the terminal: its command line, its banner, its folder, its way to fail."""

import io
import json
import math
import os
import platform
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import jax
import pooch
import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from charrnn_jax.errors import InputError

Config = TypeVar("Config")
console = Console(highlight=False, markup=False, emoji=False)


def run(
    main: Callable[[Config], None], config: type[Config], description: str | None, default: Config | None = None
) -> None:
    """Reads the command line into `config` and calls `main`; what the user can mend ends in one line and exit 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # samples hold whatever a model writes
    keep_compiled()
    try:
        main(read_command_line(config, (description or "").split("\n\n")[0], default))
    except BrokenPipeError:  # whoever read along has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (InputError, OSError) as error:
        sys.exit(fail(error))
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        sys.exit(fail(InputError("there is not enough memory for these sizes: use smaller ones")))
    except KeyboardInterrupt:
        goes_on = ": the same command with --resume goes on" if hasattr(config, "resume") else ""
        print(f"interrupted{goes_on}", file=sys.stderr)
        sys.exit(130)


def keep_compiled() -> None:
    """Compiled programs stay in the user's cache folder: the same command starts sooner the next time.

    `JAX_COMPILATION_CACHE_DIR` names another folder. Where it cannot be written, JAX compiles as if there were none.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(pooch.os_cache("charrnn_jax") / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def read_command_line(config: type[Config], description: str, default: Config | None) -> Config:
    """The configuration that the flags ask for. Raises InputError where they cannot be read."""
    program, said = " ".join(["python", "-m", _module()]), io.StringIO()
    try:
        with redirect_stderr(said):
            read = partial(tyro.cli, config, prog=program, description=description)
            return read() if default is None else read(default=default)
    except SystemExit as stopped:
        if not stopped.code:
            raise
        # Tyro draws a box: a title, the error in lines, and where help is.
        lines = re.sub("[╭╮╰╯│─]", " ", said.getvalue()).splitlines()
        error = re.split("Argument helptext|For full helptext", " ".join(lines[1:]))[0].strip(" .")
        raise InputError(f"{error}; see {program} --help") from None


def fail(error: Exception) -> int:
    """Says one line on standard error, and returns the exit code for input that cannot be used."""
    if isinstance(error, OSError) and error.strerror:
        about = f"{error.filename}: " if error.filename else ""
        error = InputError(f"{about}{error.strerror}: check the path, its permissions and the free space")
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def require_positive(**sizes: float) -> None:
    """Raises InputError for the first size that is not above zero, by the name of its flag."""
    for name, size in sizes.items():
        if not 0 < size < math.inf:
            raise InputError(f"--{name.replace('_', '-')} is {size} and must be above zero and finite")


def require_seed(*seeds: int) -> None:
    """Raises InputError for a seed that JAX would fold onto another one."""
    for seed in seeds:
        if not 0 <= seed < 2**32:
            raise InputError(f"--seed is {seed} and must be from 0 to {2**32 - 1}")


def environment(precision: str = "float32") -> dict[str, Any]:
    """Devices, precision and versions: what a result depends on besides its command."""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "devices": [f"{device.platform}:{device.device_kind}" for device in jax.devices()],
        "cores": os.cpu_count(),
        "precision": precision,
        "system": f"{platform.system()} {platform.machine()}",
    }


def banner(title: str, precision: str = "float32") -> None:
    """Prints the title and the environment."""
    env = environment(precision)
    versions = ", ".join(f"{name} {version}" for name, version in env["versions"].items() if name != "jaxlib")
    console.print(title, style="bold")
    devices = ", ".join(f"{number} × {device}" for device, number in Counter(env["devices"]).items())
    console.print(f"  devices    {devices} ({env['cores']} cores), {env['precision']}")
    console.print(f"  versions   python {env['python']}, {versions}\n")


def command() -> str:
    """The command line that started this process, ready to be pasted."""
    return shlex.join(["python", "-m", _module(), *sys.argv[1:]])


def _module() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else Path(sys.argv[0]).stem


def flags_given() -> set[str]:
    """The fields that the command line names."""
    return {word.split("=")[0][2:].replace("-", "_") for word in sys.argv[1:] if word.startswith("--")}


def refuse_used(folder: Path, advice: str = "choose another --out, or remove it") -> None:
    """Raises InputError for an output folder that holds anything, and for a name that checkpoints cannot bear."""
    if set(str(folder.absolute())) & set("*?[]") or not str(folder).isprintable():
        raise InputError(f"{str(folder)!r} has characters that no checkpoint's folder may have: choose another --out")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: choose another --out")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds another run: {advice}")


def open_out(folder: Path) -> Path:
    """Makes the output folder; one that holds another run is refused, so that nothing is lost."""
    refuse_used(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_json(path: Path, value: Any) -> None:
    """Writes whole or not at all. A figure that is infinite or not a number is written as null."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(_finite(value), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {name: _finite(item) for name, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float():
            return value if math.isfinite(value) else None
    return value


def read_json(path: Path, kind: type = dict) -> Any:
    """What `write_json` wrote, of that kind. Raises InputError for anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): remove it") from None
    if not isinstance(value, kind):
        raise InputError(f"{path} is damaged (not a {kind.__name__}): remove it")
    return value


def track(values: Iterable[float], label: str, first: int, last: int) -> Iterator[float]:
    """The values of steps `first` to `last`; on a terminal, with a progress bar and the time left to `last`."""
    columns = (TextColumn("  {task.description}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=last, completed=first)
        for value in values:
            yield value
            progress.advance(task)
