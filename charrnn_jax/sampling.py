"""Generation: a scan of the model's own step.

A filter maps log-probabilities to log-probabilities, `-inf` for what must not be drawn. Filters run in the order
temperature, top-k, top-p, min-p, each on what the one before left.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from charrnn_jax.cells import State
from charrnn_jax.types import Array, Float, Ids, Int, Params

Step: TypeAlias = Callable[..., tuple[tuple[State, ...], Float[Array, "T B V"]]]
"""`step(params, ids, state) -> (state, logits)`, the model over `[T, B]` ids."""


class Filters(NamedTuple):
    """How to draw from a distribution. The values given here change nothing."""

    temperature: float = 1.0
    """Divides the logits; 0 is greedy."""
    top_k: int = 0
    """Keep the k most probable tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the smallest set of tokens with at least this probability (Holtzman et al., 2020)."""
    min_p: float = 0.0
    """Keep tokens with at least this share of the best one's probability (Nguyen et al., 2024)."""


def keep_top_k(logits: Float[Array, "B V"], k: int) -> Float[Array, "B V"]:
    """The k largest, and those equal to the smallest of them."""
    smallest = jax.lax.top_k(logits, min(k, logits.shape[-1]))[0][:, -1:]
    return jnp.where(logits >= smallest, logits, -jnp.inf)


def keep_top_p(logits: Float[Array, "B V"], p: float) -> Float[Array, "B V"]:
    """The most probable tokens, until their probabilities sum to p; at least one, and ties with the last."""
    ordered = jnp.sort(logits, axis=-1, descending=True)
    probability = jax.nn.softmax(ordered, axis=-1)
    needed = jnp.cumsum(probability, axis=-1) - probability < p
    smallest = jnp.min(jnp.where(needed, ordered, jnp.inf), axis=-1, keepdims=True)
    return jnp.where(logits >= jnp.minimum(smallest, ordered[:, :1]), logits, -jnp.inf)


def keep_min_p(logits: Float[Array, "B V"], p: float) -> Float[Array, "B V"]:
    """The tokens at least p times as probable as the best one."""
    best = jnp.max(logits, axis=-1, keepdims=True)
    return jnp.where(logits >= best + jnp.log(p), logits, -jnp.inf)


def draw(key: Array, logits: Float[Array, "B V"], filters: Filters) -> Int[Array, "B"]:
    """One token for each row."""
    if filters.temperature == 0.0:
        return jnp.argmax(logits, axis=-1)
    logits = logits / filters.temperature
    if filters.top_k:
        logits = keep_top_k(logits, filters.top_k)
    if filters.top_p < 1.0:
        logits = keep_top_p(logits, filters.top_p)
    if filters.min_p > 0.0:
        logits = keep_min_p(logits, filters.min_p)
    return categorical(key, logits)


def categorical(key: Array, logits: Float[Array, "B V"]) -> Int[Array, "B"]:
    """One token for each row, with the probability that the softmax of its logits gives it, to the 2⁻²³ of a uniform
    number in float32.

    The tokens lie in √V blocks of √V: a block is drawn by the sum of its weights, then one of its tokens. That takes
    two random numbers a row, where the largest of logits with Gumbel noise (`jax.random.categorical`) takes V.
    """
    B, V = logits.shape
    side = math.isqrt(V - 1) + 1
    weights = jnp.exp(logits - logits.max(axis=1, keepdims=True))
    blocks = jnp.pad(weights, ((0, 0), (0, side * side - V))).reshape(B, side, side)
    of_block, of_token = jax.random.uniform(key, (2, B), logits.dtype)
    block = inverse_cdf(of_block, blocks.sum(axis=2))
    chosen = jnp.take_along_axis(blocks, block[:, None, None], axis=1)[:, 0]
    return side * block + inverse_cdf(of_token, chosen)


def inverse_cdf(u: Float[Array, "B"], weights: Float[Array, "B N"]) -> Int[Array, "B"]:
    """The first index up to which the weights of a row sum to more than u of their total, for u in [0, 1).

    Never one whose weight is zero, unless the total is so small that u of it is rounded to all of it.
    """
    sums = jnp.where(weights > 0, jnp.cumsum(weights, axis=1), 0)  # in a rounded sum a zero may tip the scales
    return jnp.argmax(sums > (u * sums.max(axis=1))[:, None], axis=1)


def generate(
    step: Step,
    params: Params,
    state: tuple[State, ...],
    prompt: Ids,
    key: Array,
    length: int,
    filters: Filters,
) -> Int[Array, "{length} B"]:
    """`length` tokens after each column of the prompt, which has at least one token: `[length, B]` ids."""
    state, logits = step(params, prompt, state)

    def next_token(carry, t: Int[Array, ""]):
        state, logits = carry
        ids = draw(jax.random.fold_in(key, t), logits, filters)
        state, after = step(params, ids[None, :], state)
        return (state, after[0]), ids

    _, ids = jax.lax.scan(next_token, (state, logits[-1]), jnp.arange(length))
    return ids
