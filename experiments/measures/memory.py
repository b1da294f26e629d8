"""What a model needs in bytes: itself, its optimiser, and one step of training. Nothing is run: shapes are enough."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Var
from jax.stages import Compiled

from charrnn_jax.model import LanguageModel, score
from charrnn_jax.parameters import count_parameters
from charrnn_jax.text.streams import Batch
from charrnn_jax.training import TrainState, make_train_step
from charrnn_jax.types import Array, Params
from experiments.fit import begin
from experiments.schedule import Schedule, make_optimizer

FLOAT = 4
"""Bytes of a parameter, whatever the precision of the products."""
VIEWS = {"reshape", "transpose", "squeeze", "broadcast_in_dim"}
"""What XLA reads from the array that it is made of."""


class StepMemory(NamedTuple):
    """Bytes, on one device that reads all streams."""

    parameters: dict[str, int]
    """By part: `embedding` (with tied output weights), `recurrent`, `output`."""
    optimizer: int
    activations: int
    """What the forward pass leaves for the backward, beside parameters and ids."""
    peak: int
    """What XLA plans for a step: state and window, and all that is held beside them."""


def step_memory(model: LanguageModel, schedule: Schedule) -> StepMemory:
    """Of one step of training, lowered and compiled: some seconds."""
    state = _state(model, schedule)
    parts = {part: FLOAT * count for part, count in count_parameters(model)._asdict().items()}
    activations = activation_bytes(model, schedule.length, schedule.batch_size)
    return StepMemory(parts, _bytes_of(state.opt_state), activations, peak_bytes(compile_step(model, schedule)))


def memory_by_vocabulary(model: LanguageModel, schedule: Schedule, vocab_sizes: Sequence[int]) -> list[dict[str, int]]:
    """`StepMemory` of the same model with other vocabularies, its parameters summed; the window has equal tokens."""
    found = {V: step_memory(model.clone(vocab_size=V), schedule) for V in vocab_sizes}
    return [{"vocab_size": V, **m._asdict(), "parameters": sum(m.parameters.values())} for V, m in found.items()]


def compile_step(model: LanguageModel, schedule: Schedule) -> Compiled:
    """The step that `start_training` compiles, for one device."""
    ids, weights = (_window(schedule.length, schedule.batch_size, kind) for kind in ("int32", "float32"))
    batch = Batch(ids, ids, weights, np.array(False))
    step = make_train_step(partial(score, model), make_optimizer(schedule), jax.random.key(0), schedule.drop_state)
    return jax.jit(step, donate_argnums=0).lower(_state(model, schedule), batch).compile()


def peak_bytes(compiled: Compiled) -> int:
    """Arguments, results that do not take their place, and the one block that all temporary values share.

    An upper bound: an allocation of that size is made, though it may at no moment be full. Raises RuntimeError where
    the backend plans no memory.
    """
    plan: Any = compiled.memory_analysis()
    if plan is None:
        raise RuntimeError("this backend plans no memory")
    results = plan.output_size_in_bytes - plan.alias_size_in_bytes
    return plan.argument_size_in_bytes + results + plan.temp_size_in_bytes


def activation_bytes(model: LanguageModel, T: int, B: int) -> int:
    """Of what `jax.vjp` of the window's nats remembers, each array once however it is shaped."""

    def remembered(params: Params, ids: Array, carry: Any) -> list[Array]:
        def nats(params: Params) -> tuple[Array, Any]:
            carry_after, nats = score(model, params, ids, ids, carry, jax.random.key(0))
            return nats, carry_after

        return jax.tree.leaves(jax.vjp(nats, params, has_aux=True)[1])

    state = _state(model, Schedule(1, B, T, 1.0))
    program = jax.make_jaxpr(remembered)(state.params, _window(T, B, "int32"), state.carry).jaxpr
    origins = [_origin(variable, program) for variable in program.outvars]
    arrays = {origin for origin in origins if isinstance(origin, Var)} - set(program.invars)
    sizes: list[Any] = [array.aval for array in arrays]
    return sum(_size(array) for array in sizes if not jnp.issubdtype(array.dtype, jnp.integer))


def _origin(variable: Any, program: Any) -> Any:
    """The array or the constant that a variable of a traced program only shapes anew, or spreads."""
    made_by = {out: (equation, i) for equation in program.eqns for i, out in enumerate(equation.outvars)}
    while isinstance(variable, Var) and variable in made_by:
        equation, i = made_by[variable]
        if equation.primitive.name in VIEWS:
            variable = equation.invars[0]
        elif equation.primitive.name == "jit":
            inner = equation.params["jaxpr"].jaxpr
            origin = _origin(inner.outvars[i], inner)
            if isinstance(origin, Var) and origin not in inner.invars:
                return variable
            variable = equation.invars[inner.invars.index(origin)] if isinstance(origin, Var) else origin
        else:
            return variable
    return variable


def disk_bytes(folder: Path) -> int:
    """Of every file in a folder, such as a checkpoint, and below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _state(model: LanguageModel, schedule: Schedule) -> TrainState:
    """Its shapes."""
    return jax.eval_shape(partial(begin, model, schedule), jax.random.key(0))


def _window(T: int, B: int, kind: str) -> Any:
    return jax.ShapeDtypeStruct((T, B), jnp.dtype(kind))


def _bytes_of(tree: Any) -> int:
    return sum(map(_size, jax.tree.leaves(tree)))


def _size(array: Any) -> int:
    return array.size * array.dtype.itemsize
