"""Hidden states and targets -> nats per token."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.types import Array, Float, Ids, Nats


class Output(NamedTuple):
    """The output layer: `logits = h W + b`."""

    W: Float[Array, "H V"]
    b: Float[Array, "V"]


def linear(output: Output, h: Float[Array, "... H"]) -> Float[Array, "... V"]:
    """The logits of every token of the vocabulary."""
    flat = h.reshape(-1, h.shape[-1]) @ output.W + output.b[None, :]
    return flat.reshape(*h.shape[:-1], -1)


def cross_entropy(logits: Float[Array, "T B V"], targets: Ids) -> Nats:
    """`-log softmax(logits)[target]` of every token, in nats. A target outside `[0, V)` gives NaN."""
    targets = targets if targets.dtype.itemsize >= 4 else targets.astype(jnp.int32)  # 8 bits do not count to V
    column = jnp.where(targets < 0, logits.shape[-1], targets)  # a negative index would count from the end
    at_target = jnp.take_along_axis(logits, column[..., None], axis=-1, mode="fill", fill_value=jnp.nan)
    return jax.nn.logsumexp(logits, axis=-1) - at_target[..., 0]


def softmax_nats(output: Output, h: Float[Array, "T B H"], targets: Ids) -> Nats:
    """Nats per token through the full softmax: all `T·B·V` logits are in memory at once."""
    return cross_entropy(linear(output, h), targets)
