"""Hidden states and targets -> nats per token."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.embedding import int32_ids
from charrnn_jax.products import Precision, product, product_of_transposed, product_with_transposed
from charrnn_jax.types import Array, Float, Ids, Int, Nats

LOGITS = 2**24
"""As many logits as may be in memory at once: 64 MiB in float32."""
SHORT = 1024
"""Up to so many logits of a row, the maximum is taken in one go: on a Zen 4 halves cost 1 % of a step at 65, made no
difference at 1,500 and 3,000, and saved 1 % at 6,123, 2 % at 10,000. Other devices were not measured."""


class Output(NamedTuple):
    """The output layer: `logits = h W + b`."""

    W: Float[Array, "H V"]
    b: Float[Array, "V"]


class Scored(NamedTuple):
    """Of each of N tokens: its nats are the normaliser less the logit of its target."""

    normaliser: Float[Array, "N"]
    """`log Σ exp(logits)`."""
    at_target: Float[Array, "N"]
    """NaN for a target outside `[0, V)`."""


def linear(output: Output, h: Float[Array, "... H"], precision: Precision = "float32") -> Float[Array, "... V"]:
    """The logits of every token of the vocabulary."""
    flat = product(h.reshape(-1, h.shape[-1]), output.W, precision) + output.b[None, :]
    return flat.reshape(*h.shape[:-1], -1)


def cross_entropy(logits: Float[Array, "T B V"], targets: Ids) -> Nats:
    """`-log softmax(logits)[target]` of every token, in nats. A target outside `[0, V)` gives NaN."""
    targets = int32_ids(targets)
    return jax.nn.logsumexp(logits, axis=-1) - _at_target(logits, targets)


def _at_target(logits: Float[Array, "... V"], targets: Array) -> Array:
    column = jnp.where(targets < 0, logits.shape[-1], targets)  # a negative index would count from the end
    return jnp.take_along_axis(logits, column[..., None], axis=-1, mode="fill", fill_value=jnp.nan)[..., 0]


def softmax_nats(output: Output, h: Float[Array, "T B H"], targets: Ids, precision: Precision = "float32") -> Nats:
    """Nats per token through the full softmax: all `T·B·V` logits are in memory at once.

    Equal to `cross_entropy(linear(output, h), targets)`, with a gradient of its own: the exponentials of the forward
    pass, divided by their sums, are the probabilities that the gradient needs.
    """
    return _nats(partial(_full, precision), output, h, targets)


def _nats(scored: Callable[..., Scored], output: Output, h: Array, targets: Array) -> Array:
    normaliser, at_target = scored(output, h.reshape(-1, h.shape[-1]), int32_ids(targets).reshape(-1))
    return (normaliser - at_target).reshape(targets.shape)


def token_nats(output: Output, h: Float[Array, "T B H"], targets: Ids, precision: Precision = "float32") -> Nats:
    """Nats per token: through the full softmax where its logits are few, else chunk by chunk."""
    return _nats(partial(score_targets, precision=precision), output, h, targets)


def score_targets(
    output: Output, h: Float[Array, "N H"], targets: Int[Array, "N"], precision: Precision = "float32"
) -> Scored:
    """What the nats of `token_nats` are the difference of, each with its gradient."""
    tokens, V = targets.size, output.b.shape[0]
    if goes_by_chunks(tokens, V):
        return _chunked(max(1, LOGITS // tokens), precision, output, h, targets)
    return _full(precision, output, h, targets)


def goes_by_chunks(tokens: int, vocab_size: int) -> bool:
    """Whether so many tokens have more logits than may be in memory at once."""
    return tokens * vocab_size > LOGITS


def chunked_softmax_nats(
    output: Output, h: Float[Array, "T B H"], targets: Ids, chunk: int, precision: Precision = "float32"
) -> Nats:
    """As `softmax_nats`, with the logits of `chunk` tokens of the vocabulary in memory at a time.

    The normaliser is summed chunk by chunk, relative to the largest logit so far (Milakov and Gimelshein, 2018,
    Online normalizer calculation for softmax, algorithm 3). Backward, a chunk's logits are worked out again: a third
    more products, and no array of T·B·V.
    """
    return _nats(partial(_chunked, chunk, precision), output, h, targets)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _full(precision: Precision, output: Output, h: Array, targets: Array) -> Scored:
    return _full_forward(precision, output, h, targets)[0]


def _full_forward(precision: Precision, output: Output, h: Array, targets: Array):
    logits = linear(output, h, precision)
    largest = _largest(logits)
    exponentials = jnp.exp(logits - largest[:, None])
    total = exponentials.sum(axis=1)
    return Scored(largest + jnp.log(total), _at_target(logits, targets)), (output, h, targets, exponentials, total)


def _largest(logits: Float[Array, "N V"]) -> Float[Array, "N"]:
    """The maximum of each row: where it is long, of halves laid over each other four times.

    On the CPU, XLA adds the bias as it reads halves; for the maximum of whole rows, or of more halves, it writes all
    logits out first. The halves of an odd row share a column.
    """
    if logits.shape[1] <= SHORT:
        return logits.max(axis=1)
    for _ in range(4):
        half = (logits.shape[1] + 1) // 2
        logits = jnp.maximum(logits[:, :half], logits[:, -half:])
    return logits.max(axis=1)


def _sum_of_rows(x: Float[Array, "N V"]) -> Float[Array, "V"]:
    """`1ᵀ x`: on a Zen 4 XLA takes half the time of a sum for that product where rows are long, and no more where they
    are short. Other devices were not measured.
    """
    return product(jnp.ones((1, len(x)), x.dtype), x)[0]


def _full_backward(precision: Precision, remembered, d: Scored):
    output, h, targets, exponentials, total = remembered
    hits = jnp.where(_hits(targets, 0, exponentials), d.at_target[:, None], 0)
    d_logits = exponentials * (d.normaliser / total)[:, None] + hits
    d_output = Output(product_of_transposed(h, d_logits, precision), _sum_of_rows(d_logits))
    return d_output, product_with_transposed(d_logits, output.W, precision), None


_full.defvjp(_full_forward, _full_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _chunked(chunk: int, precision: Precision, output: Output, h: Array, targets: Array) -> Scored:
    return _chunked_forward(chunk, precision, output, h, targets)[0]


def _over_chunks(V: int, chunk: int, body: Callable[..., Any], carry: Any) -> Any:
    """`body(carry, start, size)` for every chunk of V; the last one may be smaller."""
    whole, rest = divmod(V, chunk)
    if whole:
        first, end = jnp.int32(0), jnp.int32(whole)
        carry = jax.lax.fori_loop(first, end, lambda i, carry: body(carry, i * chunk, chunk), carry)
    return body(carry, whole * chunk, rest) if rest else carry


def _slice(output: Output, start: Array | int, size: int) -> Output:
    W = jax.lax.dynamic_slice_in_dim(output.W, start, size, axis=1)
    return Output(W, jax.lax.dynamic_slice_in_dim(output.b, start, size))


def _hits(targets: Array, start: Array | int, logits: Array) -> Array:
    """Where a chunk of logits that starts at token `start` has the targets."""
    return (targets - start)[:, None] == jnp.arange(logits.shape[1], dtype=targets.dtype)[None, :]


def _chunked_forward(chunk: int, precision: Precision, output: Output, h: Array, targets: Array):
    N, V = h.shape[0], output.b.shape[0]

    def body(carry: tuple[Array, Array, Array], start: Array | int, size: int) -> tuple[Array, Array, Array]:
        largest, total, at_target = carry
        logits = linear(_slice(output, start, size), h, precision)
        larger = jnp.maximum(largest, logits.max(axis=1))
        total = total * jnp.exp(largest - larger) + jnp.exp(logits - larger[:, None]).sum(axis=1)
        column = targets - start
        found = jnp.take_along_axis(logits, jnp.clip(column, 0, size - 1)[:, None], axis=1)[:, 0]
        return larger, total, jnp.where((column >= 0) & (column < size), found, at_target)

    start = jnp.full(N, -jnp.inf, h.dtype), jnp.zeros(N, h.dtype), jnp.full(N, jnp.nan, h.dtype)
    largest, total, at_target = _over_chunks(V, chunk, body, start)
    normaliser = largest + jnp.log(total)
    return Scored(normaliser, at_target), (output, h, targets, normaliser)


def _chunked_backward(chunk: int, precision: Precision, remembered, d: Scored):
    output, h, targets, normaliser = remembered

    def body(carry: tuple[Array, Output], start: Array | int, size: int) -> tuple[Array, Output]:
        dh, gradient = carry
        some = _slice(output, start, size)
        probability = jnp.exp(linear(some, h, precision) - normaliser[:, None])
        hits = jnp.where(_hits(targets, start, probability), d.at_target[:, None], 0)
        d_logits = probability * d.normaliser[:, None] + hits
        dW = product_of_transposed(h, d_logits, precision)
        dW = jax.lax.dynamic_update_slice_in_dim(gradient.W, dW, start, axis=1)
        db = jax.lax.dynamic_update_slice_in_dim(gradient.b, d_logits.sum(axis=0), start, axis=0)
        return dh + product_with_transposed(d_logits, some.W, precision), Output(dW, db)

    zero = jnp.zeros_like(h), jax.tree.map(jnp.zeros_like, output)
    dh, gradient = _over_chunks(output.b.shape[0], chunk, body, zero)
    return gradient, dh, None


_chunked.defvjp(_chunked_forward, _chunked_backward)
