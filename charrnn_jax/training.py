"""One step of training, one of evaluation: pure, un-jitted, `step(state, batch) -> (state, metrics)`."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from charrnn_jax.cells import State
from charrnn_jax.padding import steps_of
from charrnn_jax.text.streams import Batch
from charrnn_jax.types import Array, Bool, Float, Int, Nats, Params

Score: TypeAlias = Callable[..., tuple]
"""`score(params, inputs, targets, carry, key) -> (carry, nats)`; a key turns noise on. For training there may be a
third value, of the shape of `nats`: what is added to the loss of each target, and not reported."""

Gradient: TypeAlias = Callable[..., tuple[Params, tuple[Array, Array], tuple[State, ...]]]
"""`gradient_of(params, carry, batch, key) -> (gradient, (nats, scored tokens), carry)`."""


class TrainState(NamedTuple):
    """All that training carries from one step to the next."""

    step: Int[Array, ""]
    params: Params
    opt_state: optax.OptState
    carry: tuple[State, ...]
    """The recurrent state at the end of the last window: the next one goes on from there."""


class Metrics(NamedTuple):
    """What a training step reports."""

    nats: Float[Array, ""]
    """The mean over the scored tokens of the batch."""
    grad_norm: Float[Array, ""]
    """The global L2 norm of the gradient, before clipping."""


class EvalState(NamedTuple):
    """All that evaluation carries."""

    params: Params
    carry: tuple[State, ...]


def init_train_state(params: Params, optimizer: optax.GradientTransformation, carry: tuple[State, ...]) -> TrainState:
    """The state before the first step."""
    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params), carry)


def make_train_step(
    score: Score,
    optimizer: optax.GradientTransformation,
    key: Array,
    drop_state: float = 0.0,
    spread: Callable[[Gradient], Gradient] = lambda gradient_of: gradient_of,
    usual: int | None = None,
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """A step of truncated back-propagation through time: the gradient stops where the window starts.

    Step n draws from `fold_in(key, n)`: its dropout, and the streams that start from the zero state. `spread` has the
    gradient worked out by several devices (`parallel.spread_gradient`). With `usual`, windows have lengths of their own
    (`text.windows`): the optimiser is told what share of the usual one each has (`optimisers.scale_by_share`).
    """
    optimizer = optax.with_extra_args_support(optimizer)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        gradient_of = spread(make_gradient(score, batch.weights.shape[1], drop_state, usual is not None))
        step_key = jax.random.fold_in(key, state.step)
        gradient, (total, scored), carry = gradient_of(state.params, state.carry, batch, step_key)
        told = {} if usual is None else {"share": steps_of(batch.inputs) / usual}
        with jax.numpy_dtype_promotion("standard"):  # Optax mixes its integer step count with floats
            updates, opt_state = optimizer.update(gradient, state.opt_state, state.params, **told)
        params = optax.apply_updates(state.params, updates)
        carry = reset_where(~jnp.isfinite(total), carry)  # or it would spoil every window after this one
        metrics = Metrics(total / scored, optax.tree.norm(gradient))
        return TrainState(state.step + 1, params, opt_state, carry), metrics

    return train_step


def make_gradient(score: Score, streams: int, drop_state: float, drawn: bool = False) -> Gradient:
    """The gradient of one window.

    The loss is the nats of the scored tokens over all T·B of them, B = `streams`, so that a token weighs as much in the
    last, padded window of a pass as in any other; where windows have lengths of their own, `drawn`, T is that length.
    Streams start from the zero state with probability `drop_state` (Melis et al., 2020, Mogrifier LSTM): without it a
    model hardly ever sees the zero state that evaluation and sampling start from, and may never recover.
    """

    def gradient_of(params: Params, carry: tuple[State, ...], batch: Batch, key: Array):
        score_key, drop_key = jax.random.split(key)
        dropped = jax.random.bernoulli(drop_key, drop_state, (batch.inputs.shape[1], 1))
        before = reset_where(batch.reset | dropped, carry)

        def loss(params: Params) -> tuple[Float[Array, ""], tuple[Float[Array, ""], tuple[State, ...]]]:
            carry, nats, *penalty = score(params, batch.inputs, batch.targets, before, score_key)
            total = jnp.sum(nats * batch.weights)
            tokens = streams * (steps_of(batch.inputs) if drawn else len(batch.inputs))
            added = [jnp.sum(p * batch.weights) for p in penalty]
            return sum(added, total) / tokens, (total, carry)

        (_, (total, carry)), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        return gradient, (total, jnp.sum(batch.weights)), carry

    return gradient_of


def make_eval_step(score: Score) -> Callable[[EvalState, Batch], tuple[EvalState, Nats]]:
    """A step of evaluation: the nats of every target, zero where it is not scored."""

    def eval_step(state: EvalState, batch: Batch) -> tuple[EvalState, Nats]:
        before = reset_where(batch.reset, state.carry)
        carry, nats = score(state.params, batch.inputs, batch.targets, before, None)
        return EvalState(state.params, carry), jnp.where(batch.weights > 0, nats, 0.0)

    return eval_step


def reset_where(reset: Bool[Array | np.ndarray, "..."], carry: tuple[State, ...]) -> tuple[State, ...]:
    """The zero state where `reset` is true, one flag for all streams or `[B, 1]`; the carried one elsewhere."""
    return jax.tree.map(lambda x: jnp.where(reset, jnp.zeros_like(x), x), carry)
