"""The quasi-recurrent network: Bradbury, Merity, Xiong and Socher (2017), Quasi-Recurrent Neural Networks.

A masked convolution over time of window 1 or 2 makes the gates (equations 1 and 2, of window 2), and fo-pooling
(equation 4) is all that is recurrent, with no product:

    z, f, o = tanh, σ, σ (W¹ x_{t-1} + W² x_t + b)        c_t = f c_{t-1} + (1 - f) z        h_t = o c_t

The equations have no b. Before the first input of a stream, x is zero. Blocks in the order z, f, o. To keep a share k
of c is to forget that much less, `k + (1 - k) f`: zoneout, section 2.1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.cells import sigmoid
from charrnn_jax.embedding import times
from charrnn_jax.products import Precision
from charrnn_jax.types import Array, Float, Ids


class QRNN(NamedTuple):
    """The weights of one layer; G = 3."""

    W: Float[Array, "X _"]
    """W², to its right W¹ where the window is 2: one product serves both."""
    b: Float[Array, "GH"]


class QRNNState(NamedTuple):
    """The memory cell, and what the last input says to the next step."""

    c: Float[Array, "B H"]
    before: Float[Array, "B GH"] | None
    """`W¹ x_{t-1}`, of a size that no input has a say in; None where the window is 1."""


def init_params(key: Array, input_size: int, hidden_size: int, window: int) -> QRNN:
    """Weights uniform in ±1/√H, biases zero."""
    scale, width = hidden_size**-0.5, 3 * hidden_size
    W = jax.random.uniform(key, (input_size, window * width), minval=-scale, maxval=scale)
    return QRNN(W, jnp.zeros(width))


def init_state(batch_size: int, hidden_size: int, window: int) -> QRNNState:
    """The state before the first step: zeros."""
    before = jnp.zeros((batch_size, 3 * hidden_size)) if window == 2 else None
    return QRNNState(jnp.zeros((batch_size, hidden_size)), before)


def project(params: QRNN, x: Float[Array, "T B X"] | Ids, precision: Precision = "float32") -> Float[Array, "T B _"]:
    """`W² x_t` and, to its right, `W¹ x_t`, which the step after will take."""
    return times(x, params.W, precision)


def run(
    params: QRNN,
    u: Float[Array, "T B _"],
    state: QRNNState,
    precision: Precision = "float32",
    keep: QRNNState | None = None,
    mask: Float[Array, "B H"] | None = None,
) -> tuple[QRNNState, Float[Array, "T B H"]]:
    """Convolution and fo-pooling: the state after the last step, and the output of every step."""
    del precision, mask  # of the recurrent product, and here is none
    width = len(params.b)
    a, to_next = u[..., :width] + params.b[None, None, :], u[..., width:]
    before = state.before
    if before is not None:
        a = a + jnp.concatenate([before[None], to_next[:-1]])
        before = to_next[-1] if keep is None else _kept(keep, to_next, before)
    z, f, o = jnp.split(a, 3, axis=-1)
    f = sigmoid(f) if keep is None else keep.c + (1 - keep.c) * sigmoid(f)
    c = pool(f, jnp.tanh(z), state.c)
    return QRNNState(c[-1], before), sigmoid(o) * c


def _kept(keep: QRNNState, to_next: Float[Array, "T B GH"], before: Float[Array, "B GH"]) -> Float[Array, "B GH"]:
    assert keep.before is not None
    return pool(jnp.broadcast_to(keep.before, to_next.shape), to_next, before)[-1]


def pool(f: Float[Array, "T B H"], z: Float[Array, "T B H"], c: Float[Array, "B H"]) -> Float[Array, "T B H"]:
    """`c_t = f_t c_{t-1} + (1 - f_t) z_t`, one step after the other."""

    def step(c: Array, x: tuple[Array, Array]) -> tuple[Array, Array]:
        f, z = x
        c = z + f * (c - z)
        return c, c

    return jax.lax.scan(step, c, (f, z))[1]
