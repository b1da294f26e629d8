"""One-hot vectors and the embedding look-up: two ways to the same row of a table.

The lecture's claim 1 is `embed_one_hot`, its claim 2 is `embed_lookup`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Int32

from charrnn_jax.products import Precision, product
from charrnn_jax.types import Array, Float, Ids, Integer

ROW_OF_EACH = jax.lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(), start_index_map=(0,))
"""`[N, 1]` ids to `[N, 1, E]` rows. `table[ids]` has the same values, but there XLA copies the gradient of the rows."""


def check_ids(ids: Integer[np.ndarray, "..."], vocab_size: int) -> None:
    """Raises ValueError naming the first id outside `[0, vocab_size)`, and its position."""
    bad = np.argwhere((ids < 0) | (ids >= np.int64(vocab_size)))  # ids of 4 bits compare with no number beyond theirs
    if len(bad):
        position = tuple(bad[0].tolist())
        at = position[0] if len(position) == 1 else position
        raise ValueError(f"id {ids[position]} at position {at} is outside the vocabulary of size {vocab_size}")


def _check_concrete(ids: Integer[Array | np.ndarray, "..."], vocab_size: int) -> None:
    """Checks ids whose values are known, that is outside `jit`; traced ids are answered with NaN instead."""
    if not isinstance(ids, Tracer):
        check_ids(np.asarray(ids), vocab_size)


def int32_ids(ids: Integer[Array | np.ndarray, "..."]) -> Int32[Array, "..."]:
    """Ids as XLA counts rows: 8 bits may not count to V, and of 64 it would drop the upper half, 2^32 being row 0.

    What is too large becomes the largest id there is, and what is negative stays so: outside any vocabulary, both.
    """
    range_of, last = jnp.iinfo(ids.dtype), np.iinfo(np.int32).max
    if range_of.max > last:
        ids = ids.clip(max(-1, range_of.min), last)
    return jnp.asarray(ids.astype(np.int32))


def one_hot(ids: Integer[Array | np.ndarray, "..."], vocab_size: int) -> Float[Array, "... V"]:
    """Each id as a vector of zeros with a single one, `float32`.

    An id outside `[0, vocab_size)` raises ValueError; under `jit`, its vector is NaN.
    """
    _check_concrete(ids, vocab_size)
    column = int32_ids(ids)[..., None]
    hot = column == jax.lax.broadcasted_iota(column.dtype, (*column.shape[:-1], vocab_size), column.ndim - 1)
    known = (column >= 0) & (column < vocab_size)
    return jnp.where(known, hot.astype(jnp.float32), jnp.nan)


def embed_one_hot(table: Float[Array, "V E"], ids: Integer[Array | np.ndarray, "..."]) -> Float[Array, "... E"]:
    """Rows of the table as the product of one-hot vectors with it: V multiplications for each number returned.

    Bit for bit the rows of `embed_lookup` where the table is finite: every other term of the sum is zero.
    """
    vectors = one_hot(ids, table.shape[0]).astype(table.dtype)
    return jnp.dot(vectors, table, precision=jax.lax.Precision.HIGHEST)


def embed_lookup(table: Float[Array, "V E"], ids: Integer[Array | np.ndarray, "..."]) -> Float[Array, "... E"]:
    """Rows of the table by index: no multiplication at all.

    An id outside `[0, V)` raises ValueError; under `jit`, its row is NaN, never some other row.
    """
    _check_concrete(ids, table.shape[0])
    column, E = int32_ids(ids).reshape(-1, 1), table.shape[1]
    rows = jax.lax.gather(table, column, ROW_OF_EACH, (1, E), mode="fill", fill_value=jnp.nan)
    return rows.reshape(*ids.shape, E)


def times(
    x: Float[Array, "T B X"] | Ids, W: Float[Array, "X M"], precision: Precision = "float32"
) -> Float[Array, "T B M"]:
    """`x W` for all time at once, of vectors or of ids, each of which stands for its one-hot vector.

    The product of a one-hot vector with W is a row of W: no one-hot vector is made.
    """
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return embed_lookup(W, x)
    T, B, X = x.shape
    return product(x.reshape(T * B, X), W, precision).reshape(T, B, -1)
