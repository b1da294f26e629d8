"""The layer-normalised LSTM: Ba, Kiros and Hinton (2016), Layer Normalization, equations 20-22.

    (f, i, o, g) = LN(W_h h_{t-1}; α₁) + LN(W_x x_t; α₂) + b        (20)
    c_t = σ(f) c_{t-1} + σ(i) tanh(g)                                (21)
    h_t = σ(o) tanh(LN(c_t; α₃, β₃))                                 (22)

A vector is normalised as a whole, `W_h h` and `W_x x` over all four gates, as in the paper and its authors' code.
Equation 20 has β₁ and β₂ beside b: the three occur as their sum alone, which is b here. No normalised product has a
bias inside. Blocks in the order i, f, g, o.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.cells import LSTMState, sigmoid
from charrnn_jax.deferred import deferred_scan
from charrnn_jax.embedding import times
from charrnn_jax.products import Precision
from charrnn_jax.types import Array, Float, Ids

EPSILON = 1e-5
"""Added to the variance, so that the zero state has a norm: the authors' code has it, the paper has not."""


class LayerNormLSTM(NamedTuple):
    """The weights of one layer; G = 4."""

    W: Float[Array, "X GH"]
    R: Float[Array, "H GH"]
    b: Float[Array, "GH"]
    alpha_1: Float[Array, "GH"]
    """The gain of the recurrent product."""
    alpha_2: Float[Array, "GH"]
    """The gain of the input's product."""
    alpha_3: Float[Array, "H"]
    """The gain of the memory cell."""
    beta_3: Float[Array, "H"]


def init_params(key: Array, input_size: int, hidden_size: int) -> LayerNormLSTM:
    """Weights uniform in ±1/√H, gains one, biases zero but for the forget gate's, which is one as in `CELLS`."""
    W_key, R_key = jax.random.split(key)
    scale, width = hidden_size**-0.5, 4 * hidden_size
    return LayerNormLSTM(
        W=jax.random.uniform(W_key, (input_size, width), minval=-scale, maxval=scale),
        R=jax.random.uniform(R_key, (hidden_size, width), minval=-scale, maxval=scale),
        b=jnp.repeat(jnp.array([0.0, 1.0, 0.0, 0.0]), hidden_size),
        alpha_1=jnp.ones(width),
        alpha_2=jnp.ones(width),
        alpha_3=jnp.ones(hidden_size),
        beta_3=jnp.zeros(hidden_size),
    )


def normalise(a: Float[Array, "*B D"]) -> Float[Array, "*B D"]:
    """`(a - μ) / σ`, mean and deviation over the last axis: LN before its gain and bias."""
    a = a - a.mean(axis=-1, keepdims=True)
    return a * jax.lax.rsqrt(jnp.square(a).mean(axis=-1, keepdims=True) + EPSILON)


def project(
    params: LayerNormLSTM, x: Float[Array, "T B X"] | Ids, precision: Precision = "float32"
) -> Float[Array, "T B GH"]:
    """`u = LN(W_x x; α₂) + b`, for all time at once."""
    return params.alpha_2[None, None, :] * normalise(times(x, params.W, precision)) + params.b[None, None, :]


def run(
    params: LayerNormLSTM,
    u: Float[Array, "T B GH"],
    state: LSTMState,
    precision: Precision = "float32",
    keep: LSTMState | None = None,
    mask: Float[Array, "B H"] | None = None,
) -> tuple[LSTMState, Float[Array, "T B H"]]:
    """The rest of equations 20-22 over time: the state after the last step, and the output of every step.

    `keep` and `mask` have no gradient.
    """
    gains = Gains(params.alpha_1, params.alpha_3, params.beta_3)
    return deferred_scan(step, gains, params.R, u, state, precision, keep, mask)


class Gains(NamedTuple):
    """The weights inside the loop but for R: a step backward adds to the gradient of each of them."""

    alpha_1: Float[Array, "GH"]
    alpha_3: Float[Array, "H"]
    beta_3: Float[Array, "H"]


def step(gains: Gains, u: Float[Array, "B GH"], r: Float[Array, "B GH"], state: LSTMState) -> LSTMState:
    """One step of equations 20-22, given `u` and `r = W_h h_{t-1}`."""
    i, f, g, o = jnp.split(u + gains.alpha_1[None, :] * normalise(r), 4, axis=-1)
    c = sigmoid(f) * state.c + sigmoid(i) * jnp.tanh(g)
    h = sigmoid(o) * jnp.tanh(gains.alpha_3[None, :] * normalise(c) + gains.beta_3[None, :])
    return LSTMState(h, c)
