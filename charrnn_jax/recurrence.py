"""One cell over time, and layers of it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.cells import Cell, State
from charrnn_jax.embedding import times
from charrnn_jax.products import Precision, product
from charrnn_jax.types import Array, Float, Ids


class Layer(NamedTuple):
    """The weights of one recurrent layer. `X` is the size of its input: E, H or, fed with one-hot vectors, V."""

    W: Float[Array, "X GH"]
    b: Float[Array, "GH"]
    R: Float[Array, "H GH"]
    b_R: Float[Array, "GH"] | None = None
    """The recurrent bias, for the cells that need one (`Cell.recurrent_bias`)."""


def init_layer(key: Array, cell: Cell, input_size: int, hidden_size: int) -> Layer:
    """Weights uniform in ±1/√H, as in PyTorch; biases as the cell states them."""
    W_key, R_key = jax.random.split(key)
    width = cell.gates * hidden_size
    scale = hidden_size**-0.5

    def uniform(key: Array, rows: int) -> Array:
        return jax.random.uniform(key, (rows, width), minval=-scale, maxval=scale)

    return Layer(
        W=uniform(W_key, input_size),
        b=jnp.repeat(jnp.array(cell.bias), hidden_size),
        R=uniform(R_key, hidden_size),
        b_R=jnp.zeros(width) if cell.recurrent_bias else None,
    )


def project(layer: Layer, x: Float[Array, "T B X"] | Ids, precision: Precision = "float32") -> Float[Array, "T B GH"]:
    """The input pre-activation `u = x W + b`, for all time at once: one product of two matrices, or a look-up."""
    return times(x, layer.W, precision) + layer.b[None, None, :]


def recurrent(
    h: Float[Array, "B H"], R: Float[Array, "H GH"], b_R: Float[Array, "GH"] | None, precision: Precision = "float32"
) -> Float[Array, "B GH"]:
    """The recurrent pre-activation of one step, `r = h R (+ b_R)`."""
    return biased(product(h, R, precision), b_R)


def biased(r: Float[Array, "B GH"], b_R: Float[Array, "GH"] | None) -> Float[Array, "B GH"]:
    """`r + b_R`; r without such a bias."""
    return r if b_R is None else r + b_R[None, :]


def scan(
    cell: Cell,
    layer: Layer,
    u: Float[Array, "T B GH"],
    state: State,
    precision: Precision = "float32",
    keep: State | None = None,
    mask: Float[Array, "B H"] | None = None,
) -> tuple[State, Float[Array, "T B H"]]:
    """Runs the cell over time: the state after the last step, and the output `h` of every step.

    The scan owns the one product that cannot leave the loop, `r = h R (+ b_R)`. `keep` says for each field of the
    state how much of it stays as it was before the step (`regularisation.zoneout`); `mask` is multiplied with the `h`
    of that product.
    """

    def step(state: State, x: tuple[Array, State | None]) -> tuple[State, Float[Array, "B H"]]:
        u, keep = x
        after = cell.apply(u, recurrent(masked(mask, state.h), layer.R, layer.b_R, precision), state)
        state = mixed(keep, state, after)
        return state, state.h

    return jax.lax.scan(step, state, (u, keep))


def masked(mask: Float[Array, "B H"] | None, h: Float[Array, "*T B H"]) -> Float[Array, "*T B H"]:
    """`mask · h`, at every step the same; `h` without a mask."""
    return h if mask is None else jnp.broadcast_to(mask, h.shape) * h


def mixed(keep: State | None, before: State, after: State) -> State:
    """`k · before + (1 - k) · after` in each field of the state; `after` where nothing is kept."""
    if keep is None:
        return after
    return jax.tree.map(lambda k, old, new: k * old + (1 - k) * new, keep, before, after)
