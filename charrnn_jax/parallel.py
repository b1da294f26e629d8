"""The streams of a batch spread over devices: `shard_map` around the pure steps.

Parameters and optimiser state are whole on every device; each device carries the recurrent state of its streams.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import jax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from charrnn_jax.text.streams import Batch
from charrnn_jax.training import EvalState, TrainState

AXIS = "data"
Step: TypeAlias = Callable
State = TypeVar("State", TrainState, EvalState)

WINDOW = P(None, AXIS)
# In the order of the fields: the recurrent state and the windows are spread, all else is whole on every device.
TRAIN = TrainState._make([P(), P(), P(), P(AXIS)])
EVAL = EvalState._make([P(), P(AXIS)])
BATCH = Batch._make([WINDOW, WINDOW, WINDOW, P()])


def mesh_of(devices: Sequence[Any], batch_size: int) -> Mesh:
    """As many of the devices as share the streams evenly."""
    number = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    return jax.make_mesh((number,), (AXIS,), (AxisType.Auto,), devices=devices[:number])


def spread_training(train_step: Step, mesh: Mesh) -> Step:
    """A step of `make_train_step(..., axis=AXIS)`, each device with its streams."""
    return jax.shard_map(train_step, mesh=mesh, in_specs=(TRAIN, BATCH), out_specs=(TRAIN, P()), check_vma=False)


def spread_evaluation(eval_step: Step, mesh: Mesh) -> Step:
    """A step of `make_eval_step`, each device with its streams."""
    return jax.shard_map(eval_step, mesh=mesh, in_specs=(EVAL, BATCH), out_specs=(EVAL, WINDOW), check_vma=False)


def place(state: State, mesh: Mesh) -> State:
    """The state on the devices that the steps expect it on."""
    layout = TRAIN if isinstance(state, TrainState) else EVAL
    return jax.device_put(state, jax.tree.map(lambda spec: NamedSharding(mesh, spec), layout))
