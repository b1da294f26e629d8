"""A vocabulary split over devices: look-up and softmax in which each device has rows of its own, and no others.

To be called inside `jax.shard_map` over a mesh with an axis `vocab` of n devices. Device i has the rows from i·v on of
the embedding table, v = ⌈V/n⌉, and these columns of the output layer; what lies behind row V is padding, which nobody
looks up and whose probability is zero. Ids and hidden states are the same on all of them, and so is what comes out.

No device ever holds the whole table, nor the logits of the whole vocabulary: what they tell each other is one vector
for each token looked up, and a few numbers for each one scored. The two functions that do, `summed` and `shared`, are
the conjugate operators g and f of Shoeybi et al. (2019), Megatron-LM, section 3.
"""

from typing import Any

import jax
import jax.numpy as jnp

from charrnn_jax.embedding import int32_ids
from charrnn_jax.losses import Output, score_targets
from charrnn_jax.products import Precision
from charrnn_jax.types import Array, Bool, Float, Ids, Nats

VOCAB = "vocab"
"""The name of the axis of the mesh."""
NEVER = -1e30
"""The logit of padding. Minus infinity would do where a device has other rows too, and give NaN where it has none."""


def rows_of_shard(vocab_size: int, shards: int) -> int:
    """v: how many rows each device has, padding included."""
    return -(-vocab_size // shards)


def embed_lookup(table: Float[Array, "v E"], ids: Ids, vocab_size: int) -> Float[Array, "T B E"]:
    """Rows of the whole table, from this device's share of it: each device finds its own, and their sum has them all.

    Bit for bit those of `embedding.embed_lookup`, since every other term of the sum is zero. An id outside
    `[0, vocab_size)` gives NaN.
    """
    mine = table.at[_column(ids, len(table))].get(mode="fill", fill_value=0, wrap_negative_indices=False)
    return jnp.where(_known(ids, vocab_size)[..., None], summed(mine), jnp.nan)


def token_nats(
    output: Output, h: Float[Array, "T B H"], targets: Ids, vocab_size: int, precision: Precision = "float32"
) -> Nats:
    """As `losses.token_nats`, from this device's columns of the output layer.

    With l_i the logarithm of the sum of device i's exponentials, the normaliser is `m + log Σ exp(l_i - m)`, m the
    largest of them. Each l_i is summed, and differentiated, as `losses` does it for a vocabulary of v: whole where that
    is small, else chunk by chunk. A target outside `[0, vocab_size)` costs NaN.
    """
    rows = len(output.b)
    column = _column(targets, rows).reshape(-1)
    scored = score_targets(_without_padding(output, vocab_size), shared(h).reshape(targets.size, -1), column, precision)
    at_target = jnp.where((column >= 0) & (column < rows), scored.at_target, 0)
    largest = jax.lax.pmax(jax.lax.stop_gradient(scored.normaliser), VOCAB)
    total, at_target = summed((jnp.exp(scored.normaliser - largest), at_target))
    nats = (largest + jnp.log(total) - at_target).reshape(targets.shape)
    return jnp.where(_known(targets, vocab_size), nats, jnp.nan)


def _column(ids: Ids, rows: int) -> Ids:
    """Where each id is among this device's rows; outside `[0, rows)` for those of other devices."""
    return int32_ids(ids) - rows * jax.lax.axis_index(VOCAB)


def _known(ids: Ids, vocab_size: int) -> Bool[Array, "T B"]:
    return (ids >= 0) & (int32_ids(ids) < vocab_size)


def _without_padding(output: Output, vocab_size: int) -> Output:
    """The same columns, those behind the vocabulary with a logit that no softmax notices."""
    token = len(output.b) * jax.lax.axis_index(VOCAB) + jnp.arange(len(output.b), dtype=jnp.int32)
    return output._replace(b=jnp.where(token < vocab_size, output.b, NEVER))


@jax.custom_vjp
def summed(x: Any) -> Any:
    """The sum over devices of what each has: every device has it, and the gradient of it."""
    return jax.lax.psum(x, VOCAB)


@jax.custom_vjp
def shared(x: Any) -> Any:
    """What every device has and does something of its own with: its gradient is the sum of theirs."""
    return x


summed.defvjp(lambda x: (summed(x), None), lambda _, dy: (dy,))
shared.defvjp(lambda x: (x, None), lambda _, dy: (jax.lax.psum(dy, VOCAB),))
