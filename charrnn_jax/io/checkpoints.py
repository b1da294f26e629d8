"""Train states on disk: each in a folder of its own, written whole or not at all, checked before it is read.

    checkpoints/<step>/state/           the arrays, through Orbax
    checkpoints/<step>/about.json       what belongs to them, in plain JSON values
    checkpoints/<step>/manifest.json    the sha256 of every other file

Everything is written under another name, and renamed when it is on disk: a process that dies leaves the checkpoints
before as they were. Nothing in a checkpoint is code.

Of several processes, which see the same folder, each writes the arrays that are on its devices, and reads those that
are to be on them; process 0 does the rest. A checkpoint does not depend on how many there were.
"""

import json
import math
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import multihost

from charrnn_jax.errors import InputError
from charrnn_jax.io.manifest import MANIFEST, checked_manifest, read_manifest, to_disk, write_manifest
from charrnn_jax.training import TrainState

KEEP = 3
ABOUT, STATE = "about.json", "state"
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
    """Saves states, one after another; keeps the last ones, and the one with the lowest score.

    One process does so in the background; what goes wrong there is raised by the next `save` or `wait`, as an
    InputError. Several wait for each other. Then a state has `shapes` where its arrays are padded to equal shares.
    """

    def __init__(self, folder: Path, keep: int = KEEP, shapes: TrainState | None = None):
        self.folder, self.keep, self.shapes = folder, keep, shapes
        if jax.process_index() == 0:
            folder.mkdir(exist_ok=True)
            for part in folder.glob("*.part"):  # of a process that died while it wrote
                shutil.rmtree(part)
        self._pool = ThreadPoolExecutor(1, "checkpoints")
        self._pending: Future[None] | None = None

    def save(self, state: TrainState, about: dict[str, Any], score: float | None = None) -> None:
        """Takes a copy of the state, and returns before it is on disk; several processes return when it is."""
        self.wait()
        arrays, said = _arrays(self.shapes or state), json.dumps(about, allow_nan=False)
        several = jax.process_count() > 1
        kept = state if several else jax.tree.map(np.array, state)  # arrays of now are donated to the next step
        self._pending = self._pool.submit(_write, self.folder, kept, said, score, arrays)
        if several:  # the next step's exchanges may not overtake those of the checkpoint
            self.wait()
            multihost.sync_global_processes("kept")  # nobody looks for a checkpoint that is not there yet

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
        if jax.process_index() == 0:
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


def load(found: Found, template: TrainState, where: TrainState | None = None) -> TrainState:
    """The state of a checkpoint, in NumPy arrays; `template` gives shapes and types. Raises InputError for another.

    With `where`, a state of the same model on devices, every array is spread, and padded with zeros, as it is there.
    """
    if _arrays(template) != found.arrays:
        raise InputError(f"checkpoint {found.path} is of another model: give its own configuration")
    wanted = jax.tree.map(ocp.utils.to_shape_dtype_struct, template if where is None else where)
    how = jax.tree.map(lambda x: _as_numpy(x) if where is None else _as_spread(x), wanted)
    with ocp.PyTreeCheckpointer() as checkpointer:
        asked = ocp.args.PyTreeRestore(item=wanted, restore_args=how)
        state = checkpointer.restore((found.path / STATE).absolute(), args=asked)
    return state if where is not None else jax.tree.map(_without_padding, state, wanted)


def _without_padding(x: np.ndarray, like: jax.ShapeDtypeStruct) -> np.ndarray:
    return np.asarray(x[tuple(map(slice, like.shape))])


def _as_numpy(x: jax.ShapeDtypeStruct) -> ocp.RestoreArgs:
    """As it was written: with its padding."""
    return ocp.RestoreArgs(restore_type=np.ndarray, dtype=x.dtype)


def _as_spread(x: jax.ShapeDtypeStruct) -> ocp.RestoreArgs:
    """With as much padding as it is to have."""
    return ocp.ArrayRestoreArgs(sharding=x.sharding, global_shape=x.shape, dtype=x.dtype, strict=False)


def _arrays(state: TrainState) -> dict[str, str]:
    leaves, _ = jax.tree.flatten_with_path(state)
    return {jax.tree_util.keystr(place): f"{x.dtype} {list(x.shape)}" for place, x in leaves}


def _write(folder: Path, state: TrainState, about: str, score: float | None, arrays: dict[str, str]) -> None:
    step, alone, leads = int(state.step), jax.process_count() == 1, jax.process_index() == 0
    part, final = folder / f"{step}.part", folder / str(step)
    try:
        if leads:
            part.mkdir()
        (_save_elsewhere if alone else _save)(part / STATE, state)
        if leads:
            (part / ABOUT).write_text(about, encoding="utf-8")
            write_manifest(part, step, score, arrays)
            if final.exists():
                shutil.rmtree(final)  # a damaged one: the run goes on from the one before
            part.rename(final)
            to_disk([folder])
    except BaseException:
        if leads:
            shutil.rmtree(part, ignore_errors=True)
        raise


def _save(path: Path, state: TrainState) -> None:
    """Returns when all processes have written what they have of the state."""
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path.absolute(), state)
    multihost.sync_global_processes("written")


def _save_elsewhere(path: Path, state: TrainState) -> None:
    """Not in the folder itself: one that is full or goes away makes Orbax print tracebacks, or wait for ever."""
    with TemporaryDirectory() as elsewhere:
        _save(Path(elsewhere) / STATE, state)
        _copy(Path(elsewhere), path.parent)


def _copy(source: Path, target: Path) -> None:
    """As `shutil.copytree`, which would make a target anew that went away meanwhile."""
    for path in sorted(source.rglob("*")):
        copied = target / path.relative_to(source)
        if path.is_dir():
            copied.mkdir()
        else:
            copied.write_bytes(path.read_bytes())


def _checked(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint that is whole. Raises ValueError where it is not what was written there."""
    manifest = checked_manifest(path)
    if path.parent.name == "checkpoints" and manifest["step"] != int(path.name):
        raise ValueError(f"it was written at step {manifest['step']}")
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
        score = read_manifest(path)["score"]
    except UNREADABLE:
        score = None
    return score if isinstance(score, float) and math.isfinite(score) else math.inf


def _checkpoints(folder: Path) -> list[Path]:
    """The last one first."""
    paths = folder.iterdir() if folder.is_dir() else ()
    found = [path for path in paths if path.is_dir() and path.name.isdecimal() and path.name.isascii()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)
