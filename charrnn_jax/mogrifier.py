"""The Mogrifier, an LSTM whose input and last output gate each other.

Melis, Kočiský and Blunsom (2020), Mogrifier LSTM. Before each step of the LSTM there are rounds i = 1, 2, ..., in
turn for the input and for the output (equations 1 and 2; x⁻¹ = x and h⁰ = h_{t-1}):

    x^i = 2 σ(Q^i h^{i-1} + b^i) x^{i-2}    for odd i
    h^i = 2 σ(R^i x^{i-1} + b^i) h^{i-2}    for even i

and the last x and h enter the LSTM. The equations have no b^i; the authors' code has, zero at first. Where Q and R
have a rank k, each is the product of two matrices, of k columns and of k rows. The input is gated by `h`, so that its
product with W cannot be taken for all time at once: `project` leaves it as it is.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.cells import CELLS, Cell, LSTMState, sigmoid
from charrnn_jax.embedding import one_hot
from charrnn_jax.initialisation import init_weights
from charrnn_jax.products import Precision, product
from charrnn_jax.recurrence import Layer, init_layer, masked, mixed, recurrent
from charrnn_jax.types import Array, Float, Ids


@dataclass(frozen=True)
class Gating:
    """How the input and the last output gate each other."""

    rounds: int = 5
    """How often, by turns."""
    rank: int | None = None
    """Of the matrices Q and R, as products of two; None: they are full."""


class Round(NamedTuple):
    """One gate: the matrix Q^i (from h to x) or R^i (from x to h), as one factor or as two, and its bias."""

    factors: tuple[Float[Array, "_ _"], ...]
    b: Float[Array, "_"]


class Mogrifier(NamedTuple):
    """The weights of one layer: those of the LSTM, and of the rounds before it."""

    lstm: Layer
    rounds: tuple[Round, ...]


def init_params(key: Array, input_size: int, hidden_size: int, gating: Gating) -> Mogrifier:
    """The LSTM as ever; factors uniform in ±1/√(their rows), biases zero: gates near one."""
    lstm_key, *keys = jax.random.split(key, gating.rounds + 1)
    sizes = [(hidden_size, input_size), (input_size, hidden_size)]
    gates = tuple(_init_round(key, *sizes[i % 2], gating.rank) for i, key in enumerate(keys))
    return Mogrifier(init_layer(lstm_key, CELLS["lstm"], input_size, hidden_size), gates)


def _init_round(key: Array, rows: int, columns: int, rank: int | None) -> Round:
    shapes = [(rows, columns)] if rank is None else [(rows, rank), (rank, columns)]
    keys = jax.random.split(key, len(shapes))
    factors = [init_weights(each, *shape) for each, shape in zip(keys, shapes, strict=True)]
    return Round(tuple(factors), jnp.zeros(columns))


def project(
    params: Mogrifier, x: Float[Array, "T B X"] | Ids, precision: Precision = "float32"
) -> Float[Array, "T B X"]:
    """The input itself, as vectors."""
    del precision
    W = params.lstm.W
    return x if jnp.issubdtype(x.dtype, jnp.floating) else one_hot(x, len(W)).astype(W.dtype)


def mogrify(
    rounds: tuple[Round, ...], x: Float[Array, "B X"], h: Float[Array, "B H"], precision: Precision = "float32"
) -> tuple[Float[Array, "B X"], Float[Array, "B H"]]:
    """The input and the last output, after all rounds."""
    gated, gate = x, h
    for factors, b in rounds:
        a = gate
        for factor in factors:
            a = product(a, factor, precision)
        gated, gate = gate, 2 * sigmoid(a + b[None, :]) * gated
    return (gated, gate) if len(rounds) % 2 == 0 else (gate, gated)


def run(
    cell: Cell,
    params: Mogrifier,
    u: Float[Array, "T B X"],
    state: LSTMState,
    precision: Precision = "float32",
    keep: LSTMState | None = None,
    mask: Float[Array, "B H"] | None = None,
) -> tuple[LSTMState, Float[Array, "T B H"]]:
    """Over time: the state after the last step, and the output of every step. `cell` is the LSTM, or the capped one."""
    W, b, R, _ = params.lstm

    def step(state: LSTMState, x: tuple[Array, LSTMState | None]) -> tuple[LSTMState, Float[Array, "B H"]]:
        u, keep = x
        gated, h = mogrify(params.rounds, u, masked(mask, state.h), precision)
        r = recurrent(h, R, None, precision)
        state = mixed(keep, state, cell.apply(product(gated, W, precision) + b[None, :], r, state))
        return state, state.h

    return jax.lax.scan(step, state, (u, keep))
