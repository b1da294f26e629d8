"""Elman, GRU, LSTM and its kin: the pointwise mathematics of one time step.

A cell sees two pre-activations of G·H columns, and its state:

    u = x W + b        from the input, computed for all time at once, outside the cell
    r = h R (+ b_R)    from the hidden state before this step, computed by the scan

and returns its next state, whose first field is always the output `h`. No cell multiplies matrices. To add one:
write its state, its function, and its `Cell`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp

from charrnn_jax.types import Array, Float

State: TypeAlias = Any
"""The carried state of a cell: a NamedTuple of `[B, H]` arrays, `h` first."""


class HiddenState(NamedTuple):
    """The state of a cell that remembers its output only."""

    h: Float[Array, "*B H"]


class LSTMState(NamedTuple):
    """The state of an LSTM: output and memory cell."""

    h: Float[Array, "*B H"]
    c: Float[Array, "*B H"]


class Cell(NamedTuple):
    """All that the scan and the model need to know of a cell."""

    gates: int
    """G: how many blocks of H columns `u` and `r` have."""
    init: Callable[[int, int], State]
    """`init(batch_size, hidden_size)` -> the state before the first step: zeros."""
    apply: Callable[..., State]
    """`apply(u, r, state)` -> the state after the step."""
    bias: tuple[float, ...]
    """The initial value of `b` in each of the G blocks."""
    recurrent_bias: bool = False
    """Whether `r` has a bias of its own, one that cannot be merged into `b`."""


def sigmoid(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The logistic function, as `½ tanh(½ x) + ½`: compiled to one transcendental function, as `tanh` is."""
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


def elman(u: Float[Array, "*B H"], r: Float[Array, "*B H"], state: HiddenState) -> HiddenState:
    """Simple recurrent network: `h = tanh(u + r)`.

    Elman (1990), Finding Structure in Time, with tanh for the logistic function.
    """
    del state
    return HiddenState(jnp.tanh(u + r))


def gru(u: Float[Array, "*B GH"], r: Float[Array, "*B GH"], state: HiddenState) -> HiddenState:
    """Gated recurrent unit with the reset gate after the product, blocks in the order r, z, n.

        r = σ(u_r + r_r)    z = σ(u_z + r_z)    n = tanh(u_n + r · r_n)    h' = (1 - z) n + z h

    Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder, equations 5-8; the reset gate
    acts on `h R_n + b_n` and not on `h`, as in cuDNN and PyTorch, so that one product serves all three blocks.
    """
    u_r, u_z, u_n = jnp.split(u, 3, axis=-1)
    r_r, r_z, r_n = jnp.split(r, 3, axis=-1)
    reset = sigmoid(u_r + r_r)
    z = sigmoid(u_z + r_z)
    n = jnp.tanh(u_n + reset * r_n)
    return HiddenState(n + z * (state.h - n))


def lstm(u: Float[Array, "*B GH"], r: Float[Array, "*B GH"], state: LSTMState) -> LSTMState:
    """Long short-term memory, blocks in the order i, f, g, o.

        i, f, o = σ(u + r)    g = tanh(u + r)    c' = f c + i g    h' = o tanh(c')

    Hochreiter and Schmidhuber (1997) with the forget gate of Gers, Schmidhuber and Cummins (2000), Learning to
    Forget, without peepholes: Zaremba et al. (2014), Recurrent Neural Network Regularization, section 3.1.
    """
    i, f, g, o = jnp.split(u + r, 4, axis=-1)
    c = sigmoid(f) * state.c + sigmoid(i) * jnp.tanh(g)
    return LSTMState(sigmoid(o) * jnp.tanh(c), c)


def capped_lstm(u: Float[Array, "*B GH"], r: Float[Array, "*B GH"], state: LSTMState) -> LSTMState:
    """The LSTM with its input gate held below `1 - f`, which keeps `c` in [-1, 1]; blocks in the order i, f, g, o.

        i, f, o = σ(u + r)    g = tanh(u + r)    c' = f c + min(i, 1 - f) g    h' = o tanh(c')

    Melis, Kočiský and Blunsom (2020), Mogrifier LSTM: what its experiments run, gated or not, as published with
    the paper (`cap_input_gate` of their code); its equations do not have it.
    """
    i, f, g, o = jnp.split(u + r, 4, axis=-1)
    f = sigmoid(f)
    c = f * state.c + jnp.minimum(sigmoid(i), 1 - f) * jnp.tanh(g)
    return LSTMState(sigmoid(o) * jnp.tanh(c), c)


def cifg(u: Float[Array, "*B GH"], r: Float[Array, "*B GH"], state: LSTMState) -> LSTMState:
    """The LSTM with coupled input and forget gates, `i = 1 - f`, blocks in the order f, g, o.

        f, o = σ(u + r)    g = tanh(u + r)    c' = f c + (1 - f) g    h' = o tanh(c')

    Greff et al. (2017), LSTM: A Search Space Odyssey, variant CIFG, here without peepholes.
    """
    f, g, o = jnp.split(u + r, 3, axis=-1)
    g = jnp.tanh(g)
    c = g + sigmoid(f) * (state.c - g)
    return LSTMState(sigmoid(o) * jnp.tanh(c), c)


def _zero_hidden(batch_size: int, hidden_size: int) -> HiddenState:
    return HiddenState(jnp.zeros((batch_size, hidden_size)))


def _zero_lstm(batch_size: int, hidden_size: int) -> LSTMState:
    return LSTMState(jnp.zeros((batch_size, hidden_size)), jnp.zeros((batch_size, hidden_size)))


CELLS: dict[str, Cell] = {
    "elman": Cell(1, _zero_hidden, elman, bias=(0.0,)),
    "gru": Cell(3, _zero_hidden, gru, bias=(0.0, 0.0, 0.0), recurrent_bias=True),
    "lstm": Cell(4, _zero_lstm, lstm, bias=(0.0, 1.0, 0.0, 0.0)),
    "capped_lstm": Cell(4, _zero_lstm, capped_lstm, bias=(0.0, 1.0, 0.0, 0.0)),
    "cifg": Cell(3, _zero_lstm, cifg, bias=(1.0, 0.0, 0.0)),
}
"""The cells by name. The forget gate of every LSTM starts open: bias 1 (Jozefowicz et al., 2015)."""
