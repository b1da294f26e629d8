"""Train states on disk: each in a folder of its own, written whole or not at all, checked before it is read.

    checkpoints/<step>/state/           the arrays, through Orbax
    checkpoints/<step>/about.json       what belongs to them, in plain JSON values
    checkpoints/<step>/manifest.json    the sha256 of every other file

Everything is written under another name, and renamed when it is on disk: a process that dies leaves the checkpoints
before as they were. Nothing in a checkpoint is code.
"""

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from charrnn_jax.errors import InputError
from charrnn_jax.io.download import sha256
from charrnn_jax.training import TrainState

FORMAT = 1
KEEP = 3
ABOUT, MANIFEST, STATE = "about.json", "manifest.json", "state"
Which = Literal["last", "best"]
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError)
"""What reading a checkpoint of a stranger can raise."""


class Found(NamedTuple):
    """A checkpoint that is whole."""

    path: Path
    step: int
    about: dict[str, Any]
    arrays: dict[str, str]
    """The type and shape of each array, by its place in the state."""
    damaged: tuple[str, ...] = ()
    """What was wrong with those that would have come before it."""


class Writer:
    """Saves states in the background, one after another; keeps the last ones, and the one with the lowest score.

    What goes wrong there is raised by the next `save` or `wait`, as an InputError.
    """

    def __init__(self, folder: Path, keep: int = KEEP):
        self.folder, self.keep = folder, keep
        folder.mkdir(exist_ok=True)
        for part in folder.glob("*.part"):  # of a process that died while it wrote
            shutil.rmtree(part)
        self._pool = ThreadPoolExecutor(1, "checkpoints")
        self._pending: Future[None] | None = None

    def save(self, state: TrainState, about: dict[str, Any], score: float | None = None) -> None:
        """Takes a copy of the state, and returns before it is on disk."""
        self.wait()
        copied = jax.tree.map(np.array, state)  # the arrays themselves are donated to the next step
        self._pending = self._pool.submit(_write, self.folder, copied, json.dumps(about, allow_nan=False), score)

    def wait(self) -> None:
        """Returns when the last state is on disk."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        try:
            pending.result()
        except Exception as error:  # of Orbax and TensorStore, which say nowhere of which kinds
            reason = " ".join(str(error).split())[:200]
            advice = "check the folder and the free space; the checkpoints before are whole"
            raise InputError(f"no checkpoint could be written in {self.folder} ({reason}): {advice}") from error
        _prune(self.folder, self.keep)


def steps(folder: Path) -> list[int]:
    """Of all checkpoints in the folder, whole or not."""
    return [int(path.name) for path in reversed(_checkpoints(folder))]


def set_aside(folder: Path, step: int) -> None:
    """Renames the checkpoints after that step, which are damaged: they count no more, and stay for whoever wants."""
    for path in _checkpoints(folder):
        if int(path.name) > step:
            shutil.rmtree(path.with_name(f"{path.name}.damaged"), ignore_errors=True)
            path.rename(path.with_name(f"{path.name}.damaged"))


def find(folder: Path, which: Which = "last") -> Found:
    """The last whole checkpoint in the folder, or the one with the lowest score, or the folder itself if it is one.

    Raises InputError where there is none.
    """
    if (folder / MANIFEST).is_file():
        ordered = [folder]
    else:
        ordered = _checkpoints(folder)
        if which == "best":
            ordered.sort(key=_score)
    damaged = []
    for path in ordered:
        try:
            manifest = _checked(path)
            about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
            return Found(path, manifest["step"], about, manifest["arrays"], tuple(damaged))
        except UNREADABLE as error:
            damaged.append(f"checkpoint {path.name} is damaged ({' '.join(str(error).split())})")
    if damaged:
        raise InputError(f"{folder} holds no whole checkpoint: {'; '.join(damaged)}: train again")
    raise InputError(f"{folder} holds no checkpoint: give the folder of a training run")


def load(found: Found, template: TrainState) -> TrainState:
    """The state of a checkpoint, in NumPy arrays; `template` gives shapes and types. Raises InputError for another."""
    if _arrays(template) != found.arrays:
        raise InputError(f"checkpoint {found.path} is of another model: give its own configuration")
    wanted = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
    with ocp.StandardCheckpointer() as checkpointer:
        state = checkpointer.restore((found.path / STATE).absolute(), wanted)
    return jax.tree.map(np.asarray, state)


def _arrays(state: TrainState) -> dict[str, str]:
    leaves, _ = jax.tree.flatten_with_path(state)
    return {jax.tree_util.keystr(place): f"{x.dtype} {list(x.shape)}" for place, x in leaves}


def _write(folder: Path, state: TrainState, about: str, score: float | None) -> None:
    step = int(state.step)
    part, final = folder / f"{step}.part", folder / str(step)
    part.mkdir()
    try:
        with TemporaryDirectory() as elsewhere:
            # Not in the folder itself: one that is full or goes away makes Orbax print tracebacks, or wait for ever.
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(Path(elsewhere) / STATE, state)
            _copy(Path(elsewhere), part)
        (part / ABOUT).write_text(about, encoding="utf-8")
        files = {str(path.relative_to(part)): sha256(path.read_bytes()) for path in _files(part)}
        manifest = {"format": FORMAT, "step": step, "score": score, "arrays": _arrays(state), "files": files}
        (part / MANIFEST).write_text(json.dumps(manifest | {"seal": _seal(manifest)}, indent=1), encoding="utf-8")
        _to_disk([*_files(part), *(path for path in part.rglob("*") if path.is_dir()), part])
        if final.exists():
            shutil.rmtree(final)  # a damaged one: the run goes on from the one before
        part.rename(final)
        _to_disk([folder])
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _copy(source: Path, target: Path) -> None:
    """As `shutil.copytree`, which would make a target anew that went away meanwhile."""
    for path in sorted(source.rglob("*")):
        copied = target / path.relative_to(source)
        if path.is_dir():
            copied.mkdir()
        else:
            copied.write_bytes(path.read_bytes())


def _seal(manifest: dict[str, Any]) -> str:
    return sha256(json.dumps(manifest, sort_keys=True).encode())


def _manifest(path: Path) -> dict[str, Any]:
    """Raises ValueError where it is not what was written."""
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(manifest, dict) or manifest.pop("seal", None) != _seal(manifest):
        raise ValueError(f"{MANIFEST} has changed")
    if manifest["format"] != FORMAT:
        raise ValueError(f"it has format {manifest['format']}, this version reads {FORMAT}")
    return manifest


def _checked(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint that is whole. Raises ValueError where a file is not what was written."""
    manifest = _manifest(path)
    if path.parent.name == "checkpoints" and manifest["step"] != int(path.name):
        raise ValueError(f"it was written at step {manifest['step']}")
    files = manifest["files"]
    for name, digest in files.items():
        if not (path / name).is_file():
            raise ValueError(f"{name} is missing")
        if sha256((path / name).read_bytes()) != digest:
            raise ValueError(f"{name} has changed")
    if {str(file.relative_to(path)) for file in _files(path)} != {*files, MANIFEST}:
        raise ValueError("it has files of another")
    return manifest


def _prune(folder: Path, keep: int) -> None:
    ordered = _checkpoints(folder)
    best = min(ordered, key=_score, default=None)  # the folder may have gone meanwhile: the next save says so
    for path in ordered[keep:]:
        if path != best or not math.isfinite(_score(path)):
            shutil.rmtree(path, ignore_errors=True)


def _score(path: Path) -> float:
    """The lower, the better; a checkpoint without one, or with a manifest that cannot be read, comes last."""
    try:
        score = _manifest(path)["score"]
    except UNREADABLE:
        score = None
    return score if isinstance(score, float) and math.isfinite(score) else math.inf


def _checkpoints(folder: Path) -> list[Path]:
    """The last one first."""
    paths = folder.iterdir() if folder.is_dir() else ()
    found = [path for path in paths if path.is_dir() and path.name.isdecimal() and path.name.isascii()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _to_disk(paths: Iterable[Path]) -> None:
    """Waits until the files and the names in the folders would survive a loss of power."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
