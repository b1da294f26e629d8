"""Optimisers as Optax transformations: what the papers train with, and Optax does not have as they have it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from charrnn_jax.types import Array, Int, Params


def clip_by_norm(limit: float) -> optax.GradientTransformation:
    """As `optax.clip_by_global_norm`, by one factor for all: a multiplication that XLA takes into the update.

    A division for each number, as Optax has it, is kept in an array of its own: one pass over memory more.
    """

    def shorten(gradient: Params, _: Params | None) -> Params:
        factor = jnp.minimum(1.0, limit / optax.tree.norm(gradient))
        return jax.tree.map(lambda g: g * factor, gradient)

    return optax.stateless(shorten)


def scale_by_share() -> optax.GradientTransformationExtraArgs:
    """Multiplies an update by `share`, a number that comes with each step: it scales the learning rate of that step."""

    def update(updates: Params, state: Any, params: Any = None, **told: Any) -> tuple[Params, Any]:
        del params
        return jax.tree.map(lambda x: told["share"] * x, updates), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


class AveragedState(NamedTuple):
    """What an averaged optimiser remembers."""

    inner: optax.OptState
    mean: Params
    """Of the parameters after each update since averaging began; before, those of the beginning."""
    averaged: Int[Array, ""]
    """How many are in the mean; 0: averaging has not begun."""


def averaged(optimizer: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The same updates, and beside them the mean of the parameters, from `begin_averaging` on.

    Polyak and Juditsky (1992); begun when validation says so, NT-ASGD: Merity et al. (2018), Regularizing and
    Optimizing LSTM Language Models, algorithm 1.
    """
    optimizer = optax.with_extra_args_support(optimizer)

    def init(params: Params) -> AveragedState:
        return AveragedState(optimizer.init(params), jax.tree.map(jnp.copy, params), jnp.zeros((), jnp.int32))

    def update(updates: Params, state: Any, params: Any = None, **told: Any) -> tuple[Params, AveragedState]:
        updates, inner = optimizer.update(updates, state.inner, params, **told)
        begun = state.averaged > 0
        count = state.averaged + begun.astype(jnp.int32)

        def moved(mean: Params, after: Params) -> Params:
            share = 1 / count.astype(jnp.float32)
            return jax.tree.map(lambda mean, new: (1 - share) * mean + share * new, mean, after)

        after = optax.apply_updates(params, updates)
        mean = jax.lax.cond(begun, moved, lambda mean, _: mean, state.mean, after)
        return updates, AveragedState(inner, mean, count)

    return optax.GradientTransformationExtraArgs(init, update)


def begin_averaging(state: AveragedState, params: Params) -> AveragedState:
    """The parameters of now are the first in the mean. A mean that has begun goes on."""
    return AveragedState(state.inner, mean_or_last(params, state), jnp.maximum(state.averaged, 1))


def should_average(valid: Sequence[float], patience: int) -> bool:
    """Whether the last validation is worse than the best of those more than `patience` before it.

    Merity et al. (2018), algorithm 1, with n = `patience`.
    """
    before = valid[:-1]
    return len(before) > patience and valid[-1] > min(before[: len(before) - patience])


def mean_or_last(params: Params, opt_state: optax.OptState) -> Params:
    """What an optimiser has found: the mean where there is one, the parameters of now where not."""
    if not isinstance(opt_state, AveragedState):
        return params
    return jax.tree.map(lambda mean, now: jnp.where(opt_state.averaged > 0, mean, now), opt_state.mean, params)
