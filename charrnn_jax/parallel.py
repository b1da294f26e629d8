"""The work of a step spread over devices: the streams of a batch, the vocabulary, and what the optimiser remembers.

Devices form a mesh of two axes. Along `data`, each reads its share of the streams and carries their recurrent state;
gradients are summed; of a large one each device receives its share of the rows (of the columns, where the rows are no
multiple of the devices) and updates that share alone, with its share of the optimiser state, before the parameters are
whole again (Rajbhandari et al., 2020, ZeRO, section 5.1). Along `vocab`, each has its share of the rows of the
embedding and of the columns of the output layer (`charrnn_jax.sharded_vocabulary`), and never those of another; what
the optimiser remembers of them stays with them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.flatten_util import ravel_pytree
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Int64

from charrnn_jax.sharded_vocabulary import VOCAB
from charrnn_jax.text.streams import Batch
from charrnn_jax.training import EvalState, Gradient, TrainState
from charrnn_jax.types import Array, Params

DATA = "data"
LARGE = 2**20
"""Numbers in an array that is worth sharing out."""
AXIS_OF_VOCABULARY = {"embedding": 0, "rows": 0, "output": -1}
"""Of the arrays of that name: parameters, what an optimiser remembers of them, and `frozen.FrozenState.rows`."""
Step: TypeAlias = Callable
State = TypeVar("State", TrainState, EvalState)

WINDOW = P(None, DATA)
BATCH = Batch._make([WINDOW, WINDOW, WINDOW, P()])


def mesh_of(devices: Sequence[Any], batch_size: int, vocab: int = 1) -> Mesh:
    """As many of the devices as share the streams evenly, `vocab` for each share."""
    number = max(n for n in range(1, len(devices) // vocab + 1) if batch_size % n == 0)
    axes, kinds = (DATA, VOCAB), (AxisType.Auto, AxisType.Auto)
    return jax.make_mesh((number, vocab), axes, kinds, devices=devices[: number * vocab])


def spread_gradient(gradient_of: Gradient, mesh: Mesh) -> Gradient:
    """The gradient of a batch from those of its streams, for `make_train_step`."""

    def of_all(params: Params, carry: Any, batch: Batch, key: Array):
        shares = _shared_out(params, mesh)

        def of_some_streams(params: Params, carry: Any, batch: Batch, key: Array):
            key = jax.random.fold_in(key, jax.lax.axis_index(DATA))  # the same on all devices that share a vocabulary
            gradient, sums, carry = gradient_of(params, carry, batch, key)
            return (*_sum((gradient, sums), (shares, (P(), P()))), carry)

        ins, outs = (_split(params, mesh), P(DATA), BATCH, P()), (shares, P(), P(DATA))
        spread = jax.shard_map(of_some_streams, mesh=mesh, in_specs=ins, out_specs=outs, check_vma=False)
        return spread(params, carry, batch, key)

    return of_all


def _sum(tree: Any, specs: Any) -> Any:
    """Over the devices of `data`: this one's part of what is shared out, and the whole of the rest, as one vector."""
    axes = jax.tree.map(_shared_axis, specs)
    whole, restore = ravel_pytree(jax.tree.map(lambda x, axis: x if axis < 0 else None, tree, axes))
    whole = restore(jax.lax.psum(whole, DATA))

    def summed(x: Array, axis: int, whole: Array | None) -> Array | None:
        return whole if axis < 0 else jax.lax.psum_scatter(x, DATA, scatter_dimension=axis, tiled=True)

    return jax.tree.map(summed, tree, axes, whole)


def _split(tree: Any, mesh: Mesh) -> Any:
    """Where arrays are split by the vocabulary: nowhere on a mesh that does not split it."""

    def spec(path: Any, x: Any) -> P:
        axis = _axis_of_vocabulary(path)
        return P() if axis is None or mesh.shape[VOCAB] == 1 else P(*[None] * (axis % x.ndim), VOCAB)

    return jax.tree.map_with_path(spec, tree)


def _shared_out(tree: Any, mesh: Mesh) -> Any:
    """The same, and along which axis large arrays are shared out over `data` as well: the first that they divide."""

    def spec(x: Any, split: P) -> P:
        names = (*split, *[None] * (x.ndim - len(split)))
        for axis, name in enumerate(names if x.size >= LARGE else ()):
            if x.shape[axis] % (mesh.shape[DATA] * (mesh.shape[VOCAB] if name else 1)) == 0:
                return P(*names[:axis], (name, DATA) if name else DATA, *names[axis + 1 :])
        return split

    return jax.tree.map(spec, tree, _split(tree, mesh))


def _shared_axis(spec: P) -> int:
    """The axis along which an array is shared out over `data`; -1 where none is."""
    return next((axis for axis, names in enumerate(spec) if DATA in jax.tree.leaves(names)), -1)


def _axis_of_vocabulary(path: Any) -> int | None:
    """Of the array there, by the names on the way to it; None where it has no such axis."""
    names = [getattr(key, "key", getattr(key, "name", None)) for key in path]
    return next((AXIS_OF_VOCABULARY[name] for name in names if name in AXIS_OF_VOCABULARY), None)


def spread_evaluation(eval_step: Step, mesh: Mesh) -> Step:
    """A step of `make_eval_step`, each device with its streams."""

    def of_all(state: EvalState, batch: Batch):
        specs = EvalState(_split(state.params, mesh), P(DATA))  # type: ignore[arg-type]
        spread = jax.shard_map(
            eval_step, mesh=mesh, in_specs=(specs, BATCH), out_specs=(specs, WINDOW), check_vma=False
        )
        return spread(state, batch)

    return of_all


def streams_here(mesh: Mesh, batch_size: int) -> Int64[np.ndarray, "b"]:
    """The streams of a batch that the devices of this process read: all of them where it is alone."""
    shares = NamedSharding(mesh, P(DATA)).addressable_devices_indices_map((batch_size,)).values()
    return np.unique(np.concatenate([np.arange(batch_size)[share] for share in shares]))


def place_batch(batch: Batch, mesh: Mesh, batch_size: int) -> Batch:
    """A batch of so many streams on the devices that the steps expect it on, from those that this process reads.

    Where all devices are its own, that is left to the step.
    """
    if mesh.is_multi_process:
        shardings = jax.tree.map(partial(NamedSharding, mesh), BATCH, is_leaf=lambda spec: isinstance(spec, P))
        # Said, not inferred: processes may read overlapping streams, where the mesh splits the devices of one.
        shapes = jax.tree.map(lambda x: (*x.shape[:-1], batch_size) if x.ndim else (), batch)
        return jax.tree.map(jax.make_array_from_process_local_data, shardings, batch, shapes)
    return batch


def layout(state: State, mesh: Mesh) -> State:
    """Where each array of a state is, before a step and after it."""
    params, carry = _split(state.params, mesh), jax.tree.map(lambda _: P(DATA), state.carry)
    specs: Any = EvalState(params, carry)
    if isinstance(state, TrainState):
        specs = TrainState(P(), params, _shared_out(state.opt_state, mesh), carry)  # type: ignore[arg-type]
    return jax.tree.map(lambda spec: NamedSharding(mesh, spec), specs)


def place(state: State, mesh: Mesh) -> State:
    """The state on the devices that the steps expect it on, its vocabulary padded to equal shares."""
    state = padded(state, mesh)
    if mesh.is_multi_process:  # what only this process has, the others have as well
        state = jax.tree.map(lambda x: np.asarray(x) if getattr(x, "is_fully_addressable", True) else x, state)
    return jax.device_put(state, layout(state, mesh))


def padded(tree: Any, mesh: Mesh) -> Any:
    """With rows of zeros behind the vocabulary, as many as its shares lack to be equal."""

    def longer(path: Any, x: Any) -> Any:
        axis = _axis_of_vocabulary(path)
        if axis is None or not (missing := -x.shape[axis] % mesh.shape[VOCAB]):
            return x
        pad = np.pad if isinstance(x, np.ndarray) else jnp.pad  # what comes from a file may be too large for a device
        return pad(x, [(0, missing if i == axis % x.ndim else 0) for i in range(x.ndim)])

    return jax.tree.map_with_path(longer, tree)


def whole(tree: Any, vocab_size: int) -> Any:
    """The inverse of `place`: what is split by the vocabulary in NumPy arrays, without padding."""

    def gathered(path: Any, x: Array) -> Array | np.ndarray:
        axis = _axis_of_vocabulary(path)
        if axis is None or VOCAB not in jax.tree.leaves(tuple(getattr(x.sharding, "spec", ()))):
            return x  # other softmaxes have parameters of that name without such an axis, and are never split by it
        x = x if x.is_fully_addressable else process_allgather(x, tiled=True)
        return np.take(np.asarray(x), np.arange(vocab_size), axis)

    return jax.tree.map_with_path(gathered, tree)
