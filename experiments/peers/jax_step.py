"""The training step around a JAX model that is not this project's: Optax, jitted, donated."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from experiments.peers.work import CLIP, LEARNING_RATE, Step, Work, window_of


def make_jax_step(work: Work, params: Any, logits_of: Callable[[Any, jax.Array], jax.Array]) -> Step:
    """`logits_of(params, inputs)` maps `[T, B]` ids to `[T, B, V]` logits."""
    optimizer = optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(LEARNING_RATE))
    inputs, targets = (jnp.asarray(x) for x in window_of(work.size))

    def loss_of(params: Any) -> jax.Array:
        logits = logits_of(params, inputs).astype(jnp.float32)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, targets))

    def train_step(state: tuple[Any, Any]) -> tuple[tuple[Any, Any], jax.Array]:
        params, opt_state = state
        loss, gradient = jax.value_and_grad(loss_of)(params)
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    compiled = jax.jit(train_step, donate_argnums=0)
    state = (params, optimizer.init(params))

    def step() -> float:
        nonlocal state
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            state, loss = compiled(state)
        jax.block_until_ready(state)
        return float(loss)

    return step
