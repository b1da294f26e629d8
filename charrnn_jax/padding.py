"""Windows with fewer steps than their array has: behind the last one, in all streams, no id is a token.

One array, and so one compiled step, holds windows of any length (`text.windows`). Padding leaves the recurrent state
as it was, so that the state at the end of the array is that after the last token.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from charrnn_jax.cells import State
from charrnn_jax.types import Array, Bool, Float, Integer


def is_padding(ids: Integer[Array | np.ndarray, "T B"]) -> Bool[Array, "T B"]:
    """Where there is no token: ids below zero (`text.streams.NO_TOKEN`)."""
    return jnp.asarray(ids) < 0


def steps_of(ids: Integer[Array | np.ndarray, "T B"]) -> Float[Array, ""]:
    """How many steps the window has, the same number in every stream."""
    return jnp.sum(~is_padding(ids)[:, 0], dtype=jnp.float32)


def held(padding: Bool[Array, "T B"], keep: State | None, state: State) -> State:
    """How much of each field of a state stays as it was: all of it in padding, elsewhere what `keep` says."""
    whole = padding[:, :, None].astype(state[0].dtype)
    if keep is None:
        return jax.tree.map(lambda _: whole, state)
    return jax.tree.map(partial(jnp.maximum, whole), keep)
