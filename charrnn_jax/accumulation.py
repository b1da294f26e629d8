"""The gradient of a batch whose streams are read in parts, one after another: only one part is in memory."""

from typing import Any

import jax
import jax.numpy as jnp

from charrnn_jax.text.streams import Batch
from charrnn_jax.training import Gradient
from charrnn_jax.types import Array, Params


def accumulated(gradient_of: Gradient, parts: int) -> Gradient:
    """The same gradient, nats and states, summed over `parts` equal shares of the batch's streams.

    The loss is a sum over tokens, and no stream knows another, so that only the order of the additions differs: equal
    to the whole batch within float32 rounding. What is drawn (dropout, streams that start from the zero state) is drawn
    for each part anew. What a window leaves for its backward pass takes 1/`parts` of the memory; beside it there is the
    sum of the gradients. Raises ValueError, while it is traced, for streams that do not divide.
    """
    if parts == 1:
        return gradient_of

    def of_all(params: Params, carry: Any, batch: Batch, key: Array):
        def add(sums: Any, part: tuple[Any, Batch, Array]) -> tuple[Any, Any]:
            *found, carry = gradient_of(params, *part)
            return jax.tree.map(jnp.add, sums, found), carry

        each = _streams(carry, parts, 0), _windows(batch, parts), jax.random.split(key, parts)
        first = jax.tree.map(lambda x: x[0], each)
        shapes = jax.eval_shape(lambda part: list(gradient_of(params, *part)[:-1]), first)
        sums, carry = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, shapes), each)
        return (*sums, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), carry))

    return of_all


def _streams(tree: Any, parts: int, axis: int) -> Any:
    """The parts along a new first axis, of arrays whose streams are along `axis`."""
    return jax.tree.map(lambda x: jnp.stack(jnp.split(x, parts, axis)), tree)


def _windows(batch: Batch, parts: int) -> Batch:
    """What holds for the whole window holds for each part."""
    return jax.tree.map(lambda x: _streams(x, parts, 1) if x.ndim == 2 else jnp.stack([x] * parts), batch)
