"""What a model's parameters are before training."""

from dataclasses import dataclass
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


def init_weights(key: Array, rows: int, columns: int) -> Float[Array, "_ _"]:
    """Uniform in ±1/√(rows), as in PyTorch."""
    return jax.random.uniform(key, (rows, columns), minval=-(rows**-0.5), maxval=rows**-0.5)


def init_output(key: Array, hidden_size: int, vocab_size: int) -> Output:
    """Weights uniform in ±1/√H; no bias yet."""
    return Output(init_weights(key, hidden_size, vocab_size), jnp.zeros(vocab_size))


@dataclass(frozen=True)
class Initial:
    """What else than their own the parts of a model start from, in this order."""

    init_scale: float | None = None
    """Every parameter, biases too, is uniform in ± this: Zaremba et al. (2014), section 4.1."""
    embed_scale: float | None = None
    """The embedding is."""
    forget_bias: float | None = None
    """The bias of the forget gates of LSTMs."""


def redrawn(initial: Initial, key: Array, params: Params) -> Params:
    """The parameters as `initial` has them."""
    if initial.init_scale is not None:
        params = _uniform(key, params, initial.init_scale)
    if initial.embed_scale is not None:
        params = {**params, "embedding": _uniform(key, params["embedding"], initial.embed_scale)}
    if initial.forget_bias is not None:
        params = _with_forget_bias(params, initial.forget_bias)
    return params


def _uniform(key: Array, params: Params, scale: float) -> Params:
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    drawn = [jax.random.uniform(k, x.shape, x.dtype, -scale, scale) for k, x in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(tree, drawn)


def _with_forget_bias(params: Params, value: float) -> Params:
    def changed(layer: Any) -> Any:
        blocks = layer.b.reshape(4, -1)
        return layer._replace(b=blocks.at[FORGET].set(value).reshape(-1))

    return {name: changed(part) if name.startswith("layer_") else part for name, part in params.items()}
