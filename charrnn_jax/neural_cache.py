"""The continuous cache: what followed hidden states like the present one is made more probable.

Grave et al. (2017), Improving Neural Language Models with a Continuous Cache, section 3. Of the W steps before step t,
the cache holds pairs (h_i, x_{i+1}): a hidden state, and the token that followed it. With them

    p_cache(w) ∝ Σ_i 1{w = x_{i+1}} exp(θ h_tᵀ h_i)
    p(w)       = (1 - λ) p_vocab(w) + λ p_cache(w)

so that θ says how sharply the cache looks, and λ how much it weighs. While the cache is empty, p is p_vocab. The hidden
state is what the output layer reads. Nothing is trained. The pair of step t is put in when its token has been scored.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

from charrnn_jax.cells import State
from charrnn_jax.model import LanguageModel
from charrnn_jax.text.streams import Batch
from charrnn_jax.training import reset_where
from charrnn_jax.types import Array, Float, Ids, Int, Nats, Params

Read: TypeAlias = Callable[..., tuple[tuple[State, ...], tuple[Float[Array, "T B H"], Nats]]]
"""`read(params, inputs, targets, carry) -> (carry, (h, nats))`."""


class Cache(NamedTuple):
    """A ring of W pairs for each stream: the newest takes the place of the oldest."""

    hidden: Float[Array, "W B H"]
    following: Int[Array, "W B"]
    stored: Int[Array, ""]
    """How many pairs were ever put in."""


class Seen(NamedTuple):
    """What one step of each stream shows: the state before its target, the target, and the nats of p_vocab for it."""

    h: Float[Array, "*T B H"]
    target: Int[Array, "*T B"]
    nats: Float[Array, "*T B"]


class CachedState(NamedTuple):
    """All that evaluation with a cache carries."""

    params: Params
    carry: tuple[State, ...]
    cache: Cache


def init_cache(window: int, batch_size: int, hidden_size: int) -> Cache:
    """An empty cache of W = `window` pairs."""
    hidden = jnp.zeros((window, batch_size, hidden_size))
    return Cache(hidden, jnp.zeros((window, batch_size), jnp.int32), jnp.zeros((), jnp.int32))


def log_cache(cache: Cache, h: Float[Array, "B H"], target: Int[Array, "B"], theta: float) -> Float[Array, "B"]:
    """`log p_cache(target)`: -inf where the target is not in the cache, and where the cache is empty."""
    W = len(cache.following)
    filled = jnp.arange(W, dtype=cache.stored.dtype) < cache.stored
    products = jnp.einsum("wbh,bh->wb", cache.hidden, h, precision=jax.lax.Precision.HIGHEST)
    scores = jnp.where(filled[:, None], theta * products, -jnp.inf)
    hits = jnp.where(cache.following == target[None, :], scores, -jnp.inf)
    log = jax.nn.logsumexp(hits, axis=0) - jax.nn.logsumexp(scores, axis=0)
    return jnp.where(cache.stored > 0, log, -jnp.inf)


def store(cache: Cache, h: Float[Array, "B H"], target: Int[Array, "B"]) -> Cache:
    """The cache with one pair more for each stream."""
    at = cache.stored % len(cache.following)
    hidden = jax.lax.dynamic_update_index_in_dim(cache.hidden, h, at, axis=0)
    following = jax.lax.dynamic_update_index_in_dim(cache.following, target, at, axis=0)
    return Cache(hidden, following, cache.stored + 1)


def make_cache_step(theta: float, weight: float) -> Callable[[Cache, Seen], tuple[Cache, Float[Array, "B"]]]:
    """A step of every stream: the nats of p for its target, which then goes into the cache.

    `weight` is λ, from 0 to below 1: with a cache alone, a token that is not in it would cost infinitely much. With 0,
    the nats are those of p_vocab, bit for bit.
    """

    def cache_step(cache: Cache, seen: Seen) -> tuple[Cache, Float[Array, "B"]]:
        from_cache = jnp.log(weight) + log_cache(cache, seen.h, seen.target, theta)
        from_model = jnp.log1p(-weight) - seen.nats
        nats = jnp.where(cache.stored > 0, -jnp.logaddexp(from_model, from_cache), seen.nats)
        return store(cache, seen.h, seen.target), nats

    return cache_step


def make_cached_step(
    read: Read, theta: float, weight: float
) -> Callable[[CachedState, Batch], tuple[CachedState, Nats]]:
    """As `training.make_eval_step`, with a cache: the nats of every target, zero where it is not scored.

    A window that resets begins with an empty cache. What is not scored is put in as well: burn-in belongs there.
    """
    cache_step = make_cache_step(theta, weight)

    def cached_step(state: CachedState, batch: Batch) -> tuple[CachedState, Nats]:
        before = reset_where(batch.reset, state.carry)
        carry, (h, nats) = read(state.params, batch.inputs, batch.targets, before)
        cache = state.cache._replace(stored=jnp.where(batch.reset, 0, state.cache.stored))
        cache, nats = jax.lax.scan(cache_step, cache, Seen(h, jnp.asarray(batch.targets), nats))
        return CachedState(state.params, carry, cache), jnp.where(batch.weights > 0, nats, 0.0)

    return cached_step


def read(
    model: LanguageModel, params: Params, ids: Ids, targets: Ids, state: tuple[State, ...]
) -> tuple[tuple[State, ...], tuple[Float[Array, "T B H"], Nats]]:
    """As `model.score`, with the hidden states that the output layer read."""

    def hidden_and_nats(model: LanguageModel, ids: Ids, targets: Ids, state: tuple[State, ...]):
        state, h = model(ids, state)
        return state, (h, model.nats(h, targets))

    applied: Any = nn.apply(hidden_and_nats, model)({"params": params}, ids, targets, state)
    return applied
