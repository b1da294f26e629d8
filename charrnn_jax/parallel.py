"""The work of a step spread over devices: the streams of a batch, and the rows of what the optimiser remembers.

Each device reads its share of the streams and carries their recurrent state. Gradients are summed; of a large one
each device receives its share of the rows and updates that share alone, with its share of the optimiser state, before
the parameters are whole again on every device (Rajbhandari et al., 2020, ZeRO, section 5.1).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import jax
from jax.flatten_util import ravel_pytree
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from charrnn_jax.text.streams import Batch
from charrnn_jax.training import EvalState, Gradient, TrainState
from charrnn_jax.types import Array, Params

AXIS = "data"
LARGE = 2**20
"""Numbers in an array whose rows are worth sharing out."""
Step: TypeAlias = Callable
State = TypeVar("State", TrainState, EvalState)

WINDOW = P(None, AXIS)
# In the order of the fields: the recurrent state and the windows are spread, all else is whole on every device.
EVAL = EvalState._make([P(), P(AXIS)])
BATCH = Batch._make([WINDOW, WINDOW, WINDOW, P()])


def mesh_of(devices: Sequence[Any], batch_size: int) -> Mesh:
    """As many of the devices as share the streams evenly."""
    number = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    return jax.make_mesh((number,), (AXIS,), (AxisType.Auto,), devices=devices[:number])


def spread_gradient(gradient_of: Gradient, mesh: Mesh) -> Gradient:
    """The gradient of a batch from those of its streams, for `make_train_step`."""

    def of_some_streams(params: Params, carry: Any, batch: Batch, key: Array):
        key = jax.random.fold_in(key, jax.lax.axis_index(AXIS))
        gradient, sums, carry = gradient_of(params, carry, batch, key)
        return (*_sum((gradient, sums), mesh), carry)

    def of_all(params: Params, carry: Any, batch: Batch, key: Array):
        ins, outs = (P(), P(AXIS), BATCH, P()), (_rows(params, mesh), P(), P(AXIS))
        spread = jax.shard_map(of_some_streams, mesh=mesh, in_specs=ins, out_specs=outs, check_vma=False)
        return spread(params, carry, batch, key)

    return of_all


def _sum(tree: Any, mesh: Mesh) -> Any:
    """Over all devices: this device's rows of what is shared out, and the whole of the rest, summed as one vector."""
    shared = jax.tree.map(lambda rows: rows != P(), _rows(tree, mesh))
    whole, restore = ravel_pytree(jax.tree.map(lambda x, shared: None if shared else x, tree, shared))
    whole = restore(jax.lax.psum(whole, AXIS))
    scatter = partial(jax.lax.psum_scatter, axis_name=AXIS, scatter_dimension=0, tiled=True)
    return jax.tree.map(lambda x, shared, rest: scatter(x) if shared else rest, tree, shared, whole)


def _rows(tree: Any, mesh: Mesh) -> Any:
    """Which arrays are shared out by rows."""

    def shared(x: Array) -> P:
        return P(AXIS) if x.size >= LARGE and x.shape[0] % mesh.size == 0 else P()

    return jax.tree.map(shared, tree)


def spread_evaluation(eval_step: Step, mesh: Mesh) -> Step:
    """A step of `make_eval_step`, each device with its streams."""
    return jax.shard_map(eval_step, mesh=mesh, in_specs=(EVAL, BATCH), out_specs=(EVAL, WINDOW), check_vma=False)


def layout(state: State, mesh: Mesh) -> State:
    """Where each array of a state is, before a step and after it."""
    specs: Any = EVAL
    if isinstance(state, TrainState):
        specs = TrainState._make([P(), P(), _rows(state.opt_state, mesh), P(AXIS)])
    sharding = jax.tree.map(lambda spec: NamedSharding(mesh, spec), specs)
    return jax.tree.broadcast(sharding, state)


def place(state: State, mesh: Mesh) -> State:
    """The state on the devices that the steps expect it on."""
    return jax.device_put(state, layout(state, mesh))
