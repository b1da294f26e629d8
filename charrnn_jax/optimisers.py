"""Optimisers as Optax transformations: what the papers train with, and Optax does not have as they have it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from charrnn_jax.types import Array, Float, Int, Params


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


class AnnealedState(NamedTuple):
    """What is left of the learning rate."""

    annealed: Float[Array, ""]


def scale_by_annealing() -> optax.GradientTransformation:
    """Multiplies updates by what `anneal` has left of the learning rate: part of the state, and so of a checkpoint."""

    def init(params: Params) -> AnnealedState:
        del params
        return AnnealedState(jnp.ones(()))

    def update(updates: Params, state: Any, params: Any = None) -> tuple[Params, AnnealedState]:
        del params
        return jax.tree.map(lambda x: state.annealed * x, updates), state

    return optax.GradientTransformation(init, update)


def anneal(opt_state: optax.OptState, by: float) -> optax.OptState:
    """The state of an optimiser with `scale_by_annealing` in it, whose learning rate is `by` times that of before."""
    return optax.tree.set(opt_state, annealed=jnp.asarray(annealed(opt_state) * by, jnp.float32))


def annealed(opt_state: optax.OptState) -> float:
    """What is left of the learning rate of an optimiser: 1 for one that is never annealed."""
    return float(optax.tree.get(opt_state, "annealed", 1.0))


def should_anneal(before: Sequence[float], now: float) -> bool:
    """Whether a validation is not better than the best before it, as one that is not a number never is.

    pytorch/examples, word_language_model/main.py, which then divides the learning rate by 4 and goes on from the
    parameters of now.
    """
    return bool(before) and not now < min(before)


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
