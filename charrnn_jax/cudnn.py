"""The LSTM of cuDNN: input projection and recurrence of a layer in one call, for NVIDIA GPUs.

Equal to `project` and `fast_scan` one after the other. The weights are packed as `jax.experimental.rnn` lays them out,
which a test holds against that module's reference on any device; the kernel itself runs on a GPU only.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from charrnn_jax.cells import LSTMState
from charrnn_jax.recurrence import Layer
from charrnn_jax.types import Array, Float


def cudnn_lstm(layer: Layer, x: Float[Array, "T B X"], state: LSTMState) -> tuple[LSTMState, Float[Array, "T B H"]]:
    """The state after the last step, and the output `h` of every step, in float32 without TF32."""
    T, B, X = x.shape
    result: Any = rnn.lstm(
        x.swapaxes(0, 1),
        state.h[None],
        state.c[None],
        packed(layer),
        seq_lengths=jnp.full(B, T, jnp.int32),
        input_size=X,
        hidden_size=state.h.shape[-1],
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
        precision=jax.lax.Precision.HIGHEST,
    )
    y, h, c = result
    return LSTMState(h[0], c[0]), y.swapaxes(0, 1)


def packed(layer: Layer) -> Float[Array, "P"]:
    """All weights in cuDNN's order: those of the input, of the recurrence, and the biases of both, gates i, f, g, o."""
    return jnp.concatenate([layer.W.T.ravel(), layer.R.T.ravel(), layer.b, jnp.zeros_like(layer.b)])
