"""What the fast twins of `recurrence.scan` share on their way back through time."""

from typing import TypeAlias

import jax
import jax.numpy as jnp

from charrnn_jax.cells import State
from charrnn_jax.products import Precision, product, rounded, transposed
from charrnn_jax.recurrence import masked
from charrnn_jax.types import Array, Float

Held: TypeAlias = tuple[State | None, Array | None]
"""`keep` and `mask` of `recurrence.scan`, what is held back of a state: without a gradient in a fast twin."""


def gradient_of_weights(
    first: Float[Array, "B H"],
    h: Float[Array, "T B H"],
    mask: Float[Array, "B H"] | None,
    dr: Float[Array, "T B GH"],
    precision: Precision,
) -> Float[Array, "H GH"]:
    """`dR = Σ_t h_{t-1}ᵀ dr_t`, where `first` is the h before the first step."""
    dr = dr.reshape(-1, dr.shape[-1])
    flat = masked(mask, h).reshape(len(dr), -1)
    h_T = transposed(rounded(flat, precision))  # without a mask, as in the gradient of the layer above: made once
    before_T = jnp.concatenate([transposed(rounded(masked(mask, first), precision)), h_T[:, : -len(first)]], axis=1)
    return product(before_T, dr, precision)


def parted(keep: State | None, d_state: State) -> tuple[State | None, State]:
    """The cotangents of the state before, as far as it was kept, and of what the cell made of it."""
    if keep is None:
        return None, d_state
    return jax.tree.map(jnp.multiply, keep, d_state), jax.tree.map(lambda k, d: (1 - k) * d, keep, d_state)


def joined(kept: State | None, before: State, d_h: Float[Array, "B H"]) -> State:
    """The cotangents of the state before: through the cell, `d_h` through the product, and as far as it was kept."""
    before = before._replace(h=before.h + d_h)
    return before if kept is None else jax.tree.map(jnp.add, before, kept)
