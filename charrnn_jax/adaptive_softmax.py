"""Adaptive softmax: a small softmax over the frequent tokens, and further ones, narrower, over the rare.

Grave et al. (2017), Efficient softmax approximation for GPUs, section 4. The vocabulary is cut into a shortlist and
clusters `i = 1 … n`; ids must be sorted by frequency, most frequent first, or nothing is gained (the probabilities
still sum to one). The head is a softmax over the shortlist and one column for each cluster; tail i is a softmax over
the tokens of its cluster, reached through a projection `P_i` to fewer units:

    p(w | h) = head(w | h)                     for w in the shortlist
    p(w | h) = head(i | h) tail_i(w | h)       for w in cluster i
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.embedding import int32_ids
from charrnn_jax.initialisation import init_output, init_weights
from charrnn_jax.losses import Output, linear, softmax_nats, token_nats
from charrnn_jax.products import Precision, product
from charrnn_jax.types import Array, Float, Ids, Nats

BLOCK = 128
"""As many tokens go through a tail at once."""


class Tail(NamedTuple):
    """The softmax of one cluster: `logits = (h P) W`, with D units in between, and no bias."""

    P: Float[Array, "H D"]
    W: Float[Array, "D V"]


class Adaptive(NamedTuple):
    """The head's columns are the shortlist, then the clusters. All cuts of the vocabulary are read from the shapes."""

    head: Output
    tails: tuple[Tail, ...]


def init_adaptive(
    key: Array, hidden_size: int, vocab_size: int, cutoffs: Sequence[int], div_value: float = 4.0
) -> Adaptive:
    """Weights uniform in ±1/√(rows), as in PyTorch; the bias of the head zero.

    `cutoffs` are the ids at which a cluster begins: the first is the size of the shortlist, none is a full softmax.
    Tail i has `hidden_size / div_value^i` units, at least one. Raises ValueError for cutoffs that do not cut.
    """
    bounds = [*cutoffs, vocab_size]
    if any(low >= high for low, high in pairwise([0, *bounds])):
        raise ValueError(f"cutoffs must increase between 1 and {vocab_size - 1}: {list(cutoffs)}")
    head_key, *keys = jax.random.split(key, 1 + 2 * len(cutoffs))
    head_size = bounds[0] + len(cutoffs)
    tails = []
    for i, (low, high) in enumerate(pairwise(bounds)):
        units = max(1, int(hidden_size // div_value ** (i + 1)))
        P, W = init_weights(keys[2 * i], hidden_size, units), init_weights(keys[2 * i + 1], units, high - low)
        tails.append(Tail(P, W))
    return Adaptive(init_output(head_key, hidden_size, head_size), tuple(tails))


def _bounds(params: Adaptive) -> list[int]:
    """Where the clusters begin, and where the last one ends."""
    bounds = [params.head.b.shape[0] - len(params.tails)]
    for tail in params.tails:
        bounds.append(bounds[-1] + tail.W.shape[1])
    return bounds


def adaptive_nats(params: Adaptive, h: Float[Array, "T B H"], targets: Ids, precision: Precision = "float32") -> Nats:
    """`-log p(target)` of every token, in nats. A target outside `[0, V)` gives NaN.

    Exact, whatever the targets are. Every token goes through the head, and through the tail of its own cluster only:
    the tokens of a cluster are brought together, and taken in blocks of `BLOCK` as far as there are any. Shapes are
    static, since blocks without tokens are there and skipped as the program runs. So a tail costs the products of its
    own tokens, rounded up to a block, and memory for the logits of one block; backward they are worked out again.
    Not saved: each tail copies the hidden states, and the gradient of its weights is added up block by block, skipped
    ones too. Under `vmap` a skipped block is computed, and thrown away.
    """
    flat, targets = h.reshape(-1, h.shape[-1]), int32_ids(targets)
    bounds, wanted = _bounds(params), targets.reshape(-1)
    column = jnp.where(wanted < bounds[0], wanted, -1)
    for i, (low, high) in enumerate(pairwise(bounds)):
        column = jnp.where((wanted >= low) & (wanted < high), bounds[0] + i, column)
    nats = token_nats(params.head, flat[None], column[None], precision)[0]
    for tail, low in zip(params.tails, bounds[:-1], strict=True):
        nats = nats + _tail_nats(tail, flat, wanted - low, precision)
    return nats.reshape(targets.shape)


def _tail_nats(tail: Tail, h: Float[Array, "N H"], column: Array, precision: Precision) -> Float[Array, "N"]:
    """`-log tail(column)` of the tokens that are in the cluster; 0 of the others."""
    N, H = h.shape
    inside = (column >= 0) & (column < tail.W.shape[1])
    rows = jnp.flatnonzero(inside, size=-(-N // BLOCK) * BLOCK, fill_value=N)
    h_inside = h.at[rows].get(mode="fill", fill_value=0).reshape(-1, 1, BLOCK, H)
    column_inside = column.at[rows].get(mode="fill", fill_value=0).reshape(-1, 1, BLOCK)

    @jax.checkpoint
    def nats_of(h: Array, column: Array) -> Array:
        projected = product(h[0], tail.P, precision)[None]
        return softmax_nats(Output(tail.W, jnp.zeros_like(tail.W[0])), projected, column, precision)

    def block(operands: tuple[Array, Array, Array]) -> Array:
        occupied, *tokens = operands
        return jax.lax.cond(occupied, nats_of, lambda h, column: jnp.zeros(column.shape, h.dtype), *tokens)

    occupied = rows.reshape(-1, BLOCK)[:, 0] < N
    nats = jax.lax.map(block, (occupied, h_inside, column_inside)).reshape(-1)
    return jnp.zeros(N, h.dtype).at[rows].set(nats, mode="drop")


def adaptive_log_probs(
    params: Adaptive, h: Float[Array, "... H"], precision: Precision = "float32"
) -> Float[Array, "... V"]:
    """`log p` of every token of the vocabulary: every tail is worked out for every h. For sampling, as logits are."""
    flat = h.reshape(-1, h.shape[-1])
    shortlist = params.head.b.shape[0] - len(params.tails)
    head = jax.nn.log_softmax(linear(params.head, flat, precision), axis=-1)
    parts = [head[:, :shortlist]]
    for i, tail in enumerate(params.tails, start=shortlist):
        logits = product(product(flat, tail.P, precision), tail.W, precision)
        parts.append(head[:, i : i + 1] + jax.nn.log_softmax(logits, axis=-1))
    return jnp.concatenate(parts, axis=-1).reshape(*h.shape[:-1], -1)
