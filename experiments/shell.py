"""What every experiment shares with the terminal: its command line, its banner, its folder, its way to fail."""

import io
import logging
import math
import os
import shlex
import signal
import sys
import tempfile
import webbrowser
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import jax
import pooch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from charrnn_jax.errors import InputError, TrainingError
from charrnn_jax.metrics import Score
from experiments.command_line import flag_of, read_command_line
from experiments.environment import machine
from experiments.interruption import Interrupted, terminate
from experiments.processes import leave, named

Config = TypeVar("Config")
LOCK = ".lock"
console = Console(highlight=False, markup=False, emoji=False)


def run(
    main: Callable[[Config], None],
    config: type[Config],
    description: str | None,
    named: Callable[[str], Config] | None = None,
) -> None:
    """Reads the command line into `config` and calls `main`; what the user can mend ends in one line and exit 2."""
    print_whatever_the_terminal()
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax logs the traceback of what it raises
    keep_compiled()
    before = signal.signal(signal.SIGTERM, terminate) or signal.SIG_DFL  # None is one that Python did not set
    given: Any = None
    try:
        given = read_command_line(config, (description or "").split("\n\n")[0], named)
        main(given)
    except BrokenPipeError:  # whoever read along has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        leave(1)
    except (InputError, OSError) as error:
        leave(fail(error))
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        leave(fail(InputError("there is not enough memory for these sizes: use smaller ones")))
    except TrainingError as error:
        leave(fail(error, 1))
    except (KeyboardInterrupt, Interrupted) as stopped:
        print(f"{str(stopped) or 'interrupted'}{goes_on(given)}", file=sys.stderr)
        if isinstance(stopped, Interrupted):
            sys.exit(stopped.exit_code)
        leave(130)
    finally:
        signal.signal(signal.SIGTERM, before)  # what `terminate` raises while Python closes would be a traceback


def print_whatever_the_terminal() -> None:
    """What its encoding lacks becomes a question mark: samples hold whatever a model writes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def goes_on(given: Any) -> str:
    """How to go on with what was configured, where there is anything to go on with."""
    begun = hasattr(given, "resume") and (given.folder / "config.json").exists()
    return f": --resume {shlex.quote(str(given.folder))} goes on" if begun else ""


def keep_compiled() -> None:
    """Compiled programs stay in the user's cache folder: the same command starts sooner the next time.

    `JAX_COMPILATION_CACHE_DIR` names another folder. Where it cannot be written, JAX compiles as if there were none.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(pooch.os_cache("charrnn_jax") / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def fail(error: Exception, code: int = 2) -> int:
    """Says one line on standard error, and returns the exit code: 2 is for input that cannot be used."""
    if isinstance(error, OSError) and error.strerror:
        about = f"{error.filename}: " if error.filename else ""
        error = InputError(f"{about}{error.strerror}: check the path, its permissions and the free space")
    print(f"error{named()}: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def require_positive(**sizes: float) -> None:
    """Raises InputError for the first size that is not above zero, by the name of its flag."""
    for name, size in sizes.items():
        if not 0 < size < math.inf:
            raise InputError(f"{flag_of(name)} is {size} and must be above zero and finite")


def require_some(**lists: Collection[Any] | None) -> None:
    """Raises InputError for the first list that was given and is empty, by the name of its flag."""
    for name, values in lists.items():
        if values is not None and not values:
            raise InputError(f"{flag_of(name)} names nothing: name one at least, or leave it out")


def require_seed(*seeds: int) -> None:
    """Raises InputError for a seed that JAX would fold onto another one."""
    for seed in seeds:
        if not 0 <= seed < 2**32:
            raise InputError(f"--seed is {seed} and must be from 0 to {2**32 - 1}")


def banner(title: str, precision: str = "float32") -> None:
    """Prints the title and the machine."""
    env = machine(precision)
    versions = ", ".join(f"{name} {version}" for name, version in env["versions"].items() if name != "jaxlib")
    console.print(title, style="bold")
    devices = ", ".join(f"{number} × {device}" for device, number in Counter(env["devices"]).items())
    here = [device.platform for device in jax.local_devices()]
    each = ", each a device" if here == ["cpu"] * env["cores"] and env["cores"] > 1 else ""
    console.print(f"  devices    {devices} ({env['cores']} cores{each}), {env['precision']}")
    console.print(f"  versions   python {env['python']}, {versions}\n")


def refuse_used(folder: Path, resumable: bool = False) -> None:
    """Raises InputError for an output folder that holds anything, or cannot be; and for a name that checkpoints
    cannot bear. With `resumable`, what was begun there is gone on with by `--resume`.
    """
    if set(str(folder.absolute())) & set("*?[]") or not str(folder).isprintable():
        raise InputError(f"{str(folder)!r} has characters that no checkpoint's folder may have: choose another --out")
    if not nearest(folder).is_dir():
        raise InputError(f"{nearest(folder)} is a file: choose another --out")
    if folder.is_dir() and any(path.name != LOCK and path.suffix != ".part" for path in folder.iterdir()):
        begun = resumable and (folder / "config.json").is_file()
        goes_on = f"--resume {shlex.quote(str(folder))} goes on with it, or " if begun else ""
        raise InputError(f"{folder} holds another run: {goes_on}choose another --out")
    if not writable(folder):
        raise InputError(f"{folder} cannot be written: choose another --out")


def nearest(folder: Path) -> Path:
    """The folder, or the one above it that exists."""
    folder = folder.absolute()
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)


def writable(folder: Path) -> bool:
    """Whether a file can be made there, or where the folder would be made. It is tried: permissions are not all."""
    try:
        with tempfile.TemporaryFile(dir=nearest(folder)):
            return True
    except OSError:
        return False


def open_out(folder: Path) -> Path:
    """Makes the output folder; one that holds another run is refused, so that nothing is lost."""
    refuse_used(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _short(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if value < 1e6 else f"{value:.3g}"


def open_in_browser(page: Path) -> None:
    """Shows a file in the user's browser; where there is none, nothing happens."""
    webbrowser.open(page.resolve().as_uri())


def print_score(name: str, score: Score) -> None:
    """Every figure that compares, in two lines."""
    by_token, by_word = _short(score.perplexity_per_token, 2), _short(score.perplexity_per_word, 1)
    console.print(
        f"  {name}: {score.bits_per_char:.4f} bits/char, {score.nats / score.tokens:.4f} nats/token,\n"
        f"    perplexity {by_token} per token, {by_word} per word"
    )


@contextmanager
def progress(label: str, first: int, last: int) -> Iterator[Callable[[str], None]]:
    """From step `first` to `last`. On a terminal, each call moves a bar by one, with the time left and what it says."""
    bar = BarColumn(16), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[said]}")
    columns = TextColumn("  {task.description}"), *bar
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(label, total=last, completed=first, said="")
        yield lambda said: shown.update(task, advance=1, said=said)
