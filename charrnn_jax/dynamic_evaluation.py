"""Dynamic evaluation: the parameters go on learning from the text that they are scored on, behind the scores.

Krause et al. (2018), Dynamic Evaluation of Neural Sequence Models, section 5. The text comes in segments s_1, s_2, ...,
windows of T tokens. A segment is first scored, and then moves the local parameters θ_l, which started as the trained
ones θ_g and are drawn back to them (the global prior):

    SGD    θ_l <- θ_l - η g                   + λ (θ_g - θ_l)
    RMS    θ_l <- θ_l - η g / (√MS_g + ε)     + λ (θ_g - θ_l) ⊙ min(RMS_norm, 1/λ)

with g = ∇L(s_i) at the parameters that scored it, L the mean over the segment's tokens, and, over the N_b batches of
the training text,

    MS_g = 1/N_b Σ_b (∇L_b)²        RMS_norm = √MS_g / avg(√MS_g)

The average runs over every number of the model. The authors' code takes the mean of each array first: its λ has
another unit.

No score depends on a later token, so that the figure is a fair one; but it is that of a model that learns from the
text, and stands beside the plain figure, never in its place.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.cells import State
from charrnn_jax.text.streams import Batch
from charrnn_jax.training import EvalState, Score, make_eval_step, reset_where
from charrnn_jax.types import Array, Float, Int, Nats, Params

EPSILON = 2e-5
"""ε of the authors' code, for a loss in nats per token."""


class DynamicState(NamedTuple):
    """All that dynamic evaluation carries."""

    local: Params
    """θ_l, which learn."""
    trained: Params
    """θ_g, which stay."""
    rms: Params | None
    """√MS_g; without it, the rule is that of SGD."""
    carry: tuple[State, ...]


class Statistics(NamedTuple):
    """The squares of the gradients on the training text, summed so far."""

    params: Params
    squares: Params
    batches: Int[Array, ""]
    carry: tuple[State, ...]


def init_dynamic(trained: Params, carry: tuple[State, ...], rms: Params | None = None) -> DynamicState:
    """The state before the first segment; with `rms`, of the RMS rule."""
    return DynamicState(trained, trained, rms, carry)


def make_dynamic_step(
    score: Score, rate: float, decay: float, epsilon: float = EPSILON
) -> Callable[[DynamicState, Batch], tuple[DynamicState, Nats]]:
    """A step over one segment: the nats of its targets, zero where not scored, before it has taught anything.

    `rate` is η, `decay` is λ, from 0 to 1. With a rate of 0 nothing is learned, and no gradient worked out: one that is
    multiplied by zero would still have the scores compiled, and rounded, in another way than those of `make_eval_step`.
    """
    eval_step = make_eval_step(score)

    def dynamic_step(state: DynamicState, batch: Batch) -> tuple[DynamicState, Nats]:
        if rate == 0:
            after, nats = eval_step(EvalState(state.local, state.carry), batch)
            return state._replace(carry=after.carry), nats
        carry, nats, gradient = _gradient(score, state.local, state.carry, batch)
        if state.rms is None:
            local = sgd(state.local, state.trained, gradient, rate, decay)
        else:
            local = rms_scaled(state.local, state.trained, gradient, state.rms, rate, decay, epsilon)
        return state._replace(local=local, carry=carry), nats

    return dynamic_step


def sgd(local: Params, trained: Params, gradient: Params, rate: float, decay: float) -> Params:
    """Gradient descent with the global prior."""
    return jax.tree.map(lambda now, prior, g: now - rate * g + decay * (prior - now), local, trained, gradient)


def rms_scaled(
    local: Params, trained: Params, gradient: Params, rms: Params, rate: float, decay: float, epsilon: float
) -> Params:
    """The same, parameter by parameter: what the training text moves much takes shorter steps and is drawn back more.

    `RMS_norm` is clipped at 1/λ: beyond, the prior would overshoot.
    """
    average = sum(jnp.sum(x) for x in jax.tree.leaves(rms)) / sum(x.size for x in jax.tree.leaves(rms))

    def update(now: Array, prior: Array, g: Array, root: Array) -> Array:
        pull = jnp.minimum(decay * (root / average), 1.0)
        return now - rate * (g / (root + epsilon)) + pull * (prior - now)

    return jax.tree.map(update, local, trained, gradient, rms)


def init_statistics(params: Params, carry: tuple[State, ...]) -> Statistics:
    """The state before the first batch of the training text."""
    return Statistics(params, jax.tree.map(jnp.zeros_like, params), jnp.zeros((), jnp.int32), carry)


def make_statistics_step(score: Score) -> Callable[[Statistics, Batch], tuple[Statistics, Nats]]:
    """A step over one batch of the training text, which adds its `(∇L_b)²`; the parameters stay."""

    def statistics_step(state: Statistics, batch: Batch) -> tuple[Statistics, Nats]:
        carry, nats, gradient = _gradient(score, state.params, state.carry, batch)
        squares = jax.tree.map(lambda total, g: total + g * g, state.squares, gradient)
        return Statistics(state.params, squares, state.batches + 1, carry), nats

    return statistics_step


def root_mean_square(statistics: Statistics) -> Params:
    """`√MS_g`, of at least one batch."""
    batches = statistics.batches.astype(jnp.float32)
    return jax.tree.map(lambda total: jnp.sqrt(total / batches), statistics.squares)


def _gradient(
    score: Score, params: Params, before: tuple[State, ...], batch: Batch
) -> tuple[tuple[State, ...], Float[Array, "T B"], Params]:
    """The state behind a window, its nats, and the gradient of their mean; it stops where the window starts."""
    before = reset_where(batch.reset, before)

    def loss(params: Params) -> tuple[Float[Array, ""], tuple[tuple[State, ...], Nats]]:
        carry, nats = score(params, batch.inputs, batch.targets, before, None)
        nats = jnp.where(batch.weights > 0, nats, 0.0)
        return jnp.sum(nats) / batch.weights.size, (carry, nats)

    (_, (carry, nats)), gradient = jax.value_and_grad(loss, has_aux=True)(params)
    return carry, nats, gradient
