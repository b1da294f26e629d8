"""What a model's parameters are before training."""

from typing import Any

import jax
import jax.numpy as jnp

from charrnn_jax.losses import Output
from charrnn_jax.types import Array, Float, Params

FORGET = 1
"""The block of the forget gate in an LSTM's bias."""


def init_table(key: Array, vocab_size: int, embed_size: int) -> Float[Array, "V E"]:
    """Rows of the standard normal distribution."""
    return jax.random.normal(key, (vocab_size, embed_size))


def init_bias(key: Array, vocab_size: int) -> Float[Array, "V"]:
    """Zeros."""
    del key
    return jnp.zeros(vocab_size)


def init_output(key: Array, hidden_size: int, vocab_size: int) -> Output:
    """Weights uniform in ±1/√H, as in PyTorch; no bias yet."""
    scale = hidden_size**-0.5
    W = jax.random.uniform(key, (hidden_size, vocab_size), minval=-scale, maxval=scale)
    return Output(W, jnp.zeros(vocab_size))


def uniform(key: Array, params: Params, scale: float) -> Params:
    """Every parameter, biases too, drawn anew, uniform in ±`scale`.

    Zaremba et al. (2014), Recurrent Neural Network Regularization, section 4.1.
    """
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    drawn = [jax.random.uniform(k, x.shape, x.dtype, -scale, scale) for k, x in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(tree, drawn)


def with_forget_bias(params: Params, value: float) -> Params:
    """The same, with another bias of the LSTM's forget gate in every layer."""

    def changed(layer: Any) -> Any:
        blocks = layer.b.reshape(4, -1)
        return layer._replace(b=blocks.at[FORGET].set(value).reshape(-1))

    return {name: changed(part) if name.startswith("layer_") else part for name, part in params.items()}
