"""The real training step of a workload: what XLA plans for it, and what its devices tell each other in its program."""

import re
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.stages import Compiled

from charrnn_jax.parallel import layout
from charrnn_jax.text.streams import Batch, batch_at, fold_streams
from charrnn_jax.training import TrainState
from charrnn_jax.types import Array
from experiments.fit import split_seed, start_training
from experiments.meshes import Spread, mesh_for
from experiments.scaling.workload import Workload, model_of, schedule_of

KINDS = ("all-reduce", "reduce-scatter", "all-gather", "all-to-all", "collective-permute")
EXCHANGE = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(?:-start)?\((.*)")
NUMBERS = re.compile(r"\b[a-z]+(\d+)\[([\d,]*)\]")


class Planned(NamedTuple):
    """What XLA says of a compiled step."""

    arguments: int
    """Bytes on a device before a step and after it."""
    temporary: int
    """Bytes on a device during a step alone."""
    collectives: dict[str, int]
    """By kind: the bytes of whole arrays, as `collectives.Collective` counts them."""


def compile_step(work: Workload) -> tuple[Compiled, TrainState, Batch]:
    """The step, the state before the first one, and a window of random ids.

    Raises InputError where there are fewer devices than the workload's mesh has.
    """
    params_key, step_key, _ = split_seed(0)
    mesh, batch = mesh_for(Spread(work.data, work.vocab), work.B), _window(work)
    step, state = start_training(model_of(work), schedule_of(work), params_key, step_key, mesh)
    return step.lower(state, batch).compile(), state, batch


def plan_step(work: Workload) -> Compiled:
    """The same step, of a state that is never made: any size can be planned. Raises InputError as `compile_step`."""
    params_key, step_key, _ = split_seed(0)
    mesh, steps = mesh_for(Spread(work.data, work.vocab), work.B), []

    def first(key: Array) -> TrainState:
        step, state = start_training(model_of(work), schedule_of(work), key, step_key, mesh)
        steps.append(step)
        return state

    shapes = jax.eval_shape(first, params_key)
    placed = jax.tree.map(
        lambda x, where: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where), shapes, layout(shapes, mesh)
    )
    return steps[0].lower(placed, _window(work)).compile()


def held(work: Workload) -> int:
    """Bytes of the state that are on one device after a step has been taken: those of the device that has most.

    Raises InputError as `compile_step`.
    """
    compiled, state, batch = compile_step(work)
    state, _ = jax.block_until_ready(compiled(state, batch))
    sizes = dict.fromkeys(jax.local_devices(), 0)
    for array in jax.tree.leaves(state):
        for shard in array.addressable_shards:
            sizes[shard.device] += shard.data.nbytes
    return max(sizes.values())


def _window(work: Workload) -> Batch:
    ids = np.random.default_rng(0).integers(0, work.V, work.B * work.T).astype(np.int32)
    return batch_at(fold_streams(ids, 0, work.B, work.T), 0)


def planned(compiled: Compiled) -> Planned:
    """Its memory, and its collectives. Raises RuntimeError where the backend plans no memory."""
    plan: Any = compiled.memory_analysis()
    if plan is None:
        raise RuntimeError("this backend plans no memory")
    return Planned(plan.argument_size_in_bytes, plan.temp_size_in_bytes, counted(compiled.as_text() or ""))


def counted(program: str) -> dict[str, int]:
    """The bytes that each kind of collective of a compiled program is about; those of one device alone left out."""
    found: dict[str, int] = {}
    for line in program.splitlines():
        if said := EXCHANGE.search(line):
            result, kind, rest = said.groups()
            devices = _devices(rest)
            whole = devices if kind == "reduce-scatter" else 1  # whose result is a share
            size = sum(
                int(bits) // 8 * prod(map(int, filter(None, s.split(",")))) for bits, s in NUMBERS.findall(result)
            )
            if devices > 1:
                found[kind] = found.get(kind, 0) + whole * size
    return found


def _devices(attributes: str) -> int:
    """How many devices are in a group, in any of the ways in which XLA writes groups."""
    if said := re.search(r"replica_groups=\{\{([\d,]*)\}", attributes):
        return len(said[1].split(","))
    if said := re.search(r"replica_groups=\[\d+,(\d+)\]", attributes):
        return int(said[1])
    if said := re.search(r"replica_groups=mesh\[(.*?)\].*?\{(.*?)\}", attributes):
        sizes = dict(re.findall(r"('\w+')=(\d+)", said[1]))
        return prod(int(sizes[axis]) for axis in said[2].split(","))
    return 1


def stepping(compiled: Compiled, state: Any, batch: Any) -> Callable[[], Any]:
    """A function that takes one step more, and gives its metrics when it is called."""

    def step() -> Any:
        nonlocal state
        state, metrics = compiled(state, batch)
        return jax.block_until_ready((state, metrics))[1]

    return step
