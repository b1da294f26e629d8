"""The checks of `experiments.doctor`: that this machine's devices compute what the mathematics says.

A check returns what it measured, and raises where that is wrong. Each is small enough for all to take seconds.
"""

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from charrnn_jax.cells import CELLS, Cell
from charrnn_jax.embedding import embed_lookup, embed_one_hot
from charrnn_jax.fast_recurrence import fast_scan
from charrnn_jax.io import checkpoints
from charrnn_jax.io.corpora import KNOWN
from charrnn_jax.model import LanguageModel
from charrnn_jax.recurrence import Layer, scan
from charrnn_jax.text.char import train_char
from charrnn_jax.text.streams import batch_at, fold_streams
from charrnn_jax.text.texts import StringText
from charrnn_jax.training import TrainState
from charrnn_jax.types import Array
from experiments.fit import start_training
from experiments.machine import Corpora
from experiments.process import on_nvidia
from experiments.schedule import Schedule
from experiments.shell import nearest

T, B, H = 16, 4, 32
TOLERANCE = 1e-5
STEPS = 30
INSTALL = "install the versions that pyproject.toml asks for, and unset XLA_FLAGS and JAX_* variables of your own"
REPEAT = "on a GPU, set XLA_FLAGS=--xla_gpu_deterministic_ops=true"


class Check(NamedTuple):
    """One line of the report."""

    claim: str
    measure: Callable[[], str]
    remedy: str


class TinyRun(NamedTuple):
    """The same training, twice."""

    nats: tuple[list[float], list[float]]
    states: tuple[TrainState, TrainState]


def all_checks(out: Path, corpora: Corpora) -> list[Check]:
    """The devices come first: nothing else can be checked without them."""
    recurrences = [
        Check(f"{name}: fast scan = plain scan, gradients too", partial(recurrence, name), INSTALL) for name in CELLS
    ]
    return [
        Check("JAX computes on every device", devices, "see JAX_PLATFORMS, and the driver of the device"),
        Check(
            "corpora at hand are the published ones (sha256)",
            partial(whole, corpora),
            "restore the files, or name another folder (--data-dir, CHARRNN_DATA)",
        ),
        Check("embedding look-up = one-hot product, bitwise", look_up, INSTALL),
        *recurrences,
        Check("every cell: float32 is near float64", precision, INSTALL),
        Check("training lowers the loss", learns, INSTALL),
        Check("training repeats, bitwise", repeats, REPEAT),
        Check(
            "a state saved and restored is the same, bitwise",
            partial(kept, out),
            "see the free space and the permissions of the output folder, or choose another --out",
        ),
    ]


def devices() -> str:
    """A sum that is exact, on each."""
    for device in jax.devices():
        found = float(jnp.sum(jax.device_put(np.arange(100, dtype=np.float32), device)))
        assert found == 4950.0, f"{device} adds 0 to 99 up to {found}"
    return f"{len(jax.devices())} devices"


def whole(corpora: Corpora) -> str:
    """No file under a known name is another one, and the folder that was named is there."""
    assert not corpora.given or corpora.folder.is_dir(), f"{corpora.folder} is no folder"
    assert not corpora.damaged, "; ".join(corpora.damaged)
    return f"{len(corpora.at_hand)} of {len(KNOWN)}"


def look_up() -> str:
    """Claims 1 and 2 of the lecture."""
    table = np.random.default_rng(0).normal(size=(50, H)).astype(np.float32)
    ids = np.arange(50, dtype=np.int32)[::-1].reshape(5, 10)
    rows = [np.asarray(jax.jit(way)(jnp.asarray(table), ids)) for way in (embed_lookup, embed_one_hot)]
    assert np.array_equal(rows[0], rows[1]), "the product is not the look-up"
    return ""


def recurrence(name: str) -> str:
    """In value and in gradient, on the device that comes first."""
    both = jax.jit(lambda *case: [_gradients(way, CELLS[name], *case) for way in (fast_scan, scan)])
    return _close(*both(*_case(name, np.float32)))


def precision() -> str:
    """The values of every cell, against the same in double precision on the CPU."""

    def every(way: Callable[..., Any], dtype: Any) -> Any:
        cases = {name: _case(name, dtype) for name in CELLS}
        return jax.jit(lambda cases: {name: way(CELLS[name], *case) for name, case in cases.items()})(cases)

    found = jax.device_get(every(fast_scan, np.float32))
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        return _close(found, every(scan, np.float64))


def learns() -> str:
    """The nats per token of the first and of the last step."""
    first, *_, last = tiny_run().nats[0]
    assert last < 0.8 * first, f"{first:.3f} nats per token became {last:.3f} in {STEPS} steps"
    return f"{first:.2f} → {last:.2f} nats"


def repeats() -> str:
    """Every number that training carries, after the last step."""
    run = tiny_run()
    assert run.nats[0] == run.nats[1], "the losses of two runs differ"
    _same(*run.states)
    return ""


def kept(out: Path) -> str:
    """Where runs are written, or the folder above it that exists."""
    state = tiny_run().states[0]
    with tempfile.TemporaryDirectory(dir=nearest(out), prefix="doctor-") as folder:
        _same(state, _through_disk(Path(folder) / "checkpoints", state))
    return ""


def _through_disk(folder: Path, state: TrainState) -> TrainState:
    writer = checkpoints.Writer(folder)
    writer.save(state, {})
    writer.wait()
    return checkpoints.load(checkpoints.find(folder), state)


@cache
def tiny_run() -> TinyRun:
    """A few steps on one sentence, over all devices, from the same state twice."""
    text = "Sunny days are the best days to go for a walk. " * 40
    tokenizer = train_char(StringText(text))
    model = LanguageModel(tokenizer.vocab_size, 8, H, cudnn=on_nvidia())
    streams = fold_streams(tokenizer.encode(text), tokenizer.start_id, B, T)
    step, first = start_training(model, Schedule(STEPS, B, T, 2e-2), jax.random.key(0), jax.random.key(1))
    host = jax.device_get(first)
    nats, states = [], []
    for _ in range(2):
        state = jax.tree.map(lambda x, like: jax.device_put(x, like.sharding), host, first)
        losses = []
        for n in range(STEPS):
            state, metrics = step(state, batch_at(streams, n))
            losses.append(float(metrics.nats))
        nats.append(losses)
        states.append(state)
    return TinyRun((nats[0], nats[1]), (states[0], states[1]))


def _case(name: str, dtype: Any) -> tuple[Any, Any, Any]:
    """A layer, its input pre-activation and its first state: the same numbers in each precision."""
    cell, random = CELLS[name], np.random.default_rng(0)
    width = cell.gates * H

    def draw(*size: int, scale: float = 1.0) -> Array:
        return jnp.asarray((scale * random.normal(size=size)).astype(dtype))

    b_R = draw(width) if cell.recurrent_bias else None
    layer = Layer(draw(1, width), draw(width), draw(H, width, scale=H**-0.5), b_R)
    return layer, draw(T, B, width), jax.tree.map(lambda x: draw(*x.shape), cell.init(B, H))


def _gradients(way: Callable[..., Any], cell: Cell, *case: Any) -> Any:
    """The values, and the gradient of a loss to which every output contributes."""

    def loss(layer: Any, u: Any, state: Any) -> Any:
        last, h = way(cell, layer, u, state)
        return jnp.sum(jnp.sin(h)) + sum(jnp.sum(jnp.sin(x)) for x in last), (last, h)

    return jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(*case)


def _close(found: Any, wanted: Any) -> str:
    """The largest difference, over the largest number of its array. Raises above the tolerance."""
    errors = [
        float(np.max(np.abs(np.asarray(a, np.float64) - b)) / max(1.0, float(np.max(np.abs(b)))))
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(jax.device_get(wanted)), strict=True)
    ]
    assert max(errors) <= TOLERANCE, f"they differ by {max(errors):.1e}, more than {TOLERANCE:.0e}"
    return f"within {max(errors):.0e}"


def _same(one: Any, other: Any) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype, f"{a.dtype} became {b.dtype}"
        assert np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True), "the numbers of two states differ"
