"""Optimisers as Optax transformations: what the papers train with, and Optax does not have as they have it."""

import jax
import jax.numpy as jnp
import optax

from charrnn_jax.types import Params


def clip_by_norm(limit: float) -> optax.GradientTransformation:
    """As `optax.clip_by_global_norm`, by one factor for all: a multiplication that XLA takes into the update.

    A division for each number, as Optax has it, is kept in an array of its own: one pass over memory more.
    """

    def shorten(gradient: Params, _: Params | None) -> Params:
        factor = jnp.minimum(1.0, limit / optax.tree.norm(gradient))
        return jax.tree.map(lambda g: g * factor, gradient)

    return optax.stateless(shorten)
