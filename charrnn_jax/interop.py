"""Recurrent weights from PyTorch's state-dict names, and back. PyTorch itself is not needed."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from charrnn_jax.cells import Cell
from charrnn_jax.errors import InputError
from charrnn_jax.recurrence import Layer


def layers_from_torch(weights: Mapping[str, np.ndarray], cell: Cell) -> tuple[Layer, ...]:
    """The layers of an `nn.RNN`, `nn.GRU` or `nn.LSTM`, from the arrays of its state dict.

    PyTorch has two biases where one is enough; they are added, but for the GRU, whose second one the reset gate
    multiplies. Raises InputError for a missing name.
    """
    missing = [name for name in _names(0) if name not in weights]
    if missing:
        raise InputError(f"the state dict has no {missing[0]}: give that of an nn.RNN, nn.GRU or nn.LSTM")
    layers = []
    while _names(len(layers))[0] in weights:
        W, R, b, b_R = (jnp.asarray(weights[name]) for name in _names(len(layers)))
        merged = (b, b_R) if cell.recurrent_bias else (b + b_R, None)
        layers.append(Layer(W.T, merged[0], R.T, merged[1]))
    return tuple(layers)


def layers_to_torch(layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    """The state dict that `layers_from_torch` reads; a bias that was merged comes back as `bias_ih`, beside zeros."""
    weights = {}
    for k, layer in enumerate(layers):
        b_R = jnp.zeros_like(layer.b) if layer.b_R is None else layer.b_R
        arrays = (layer.W.T, layer.R.T, layer.b, b_R)
        weights |= {name: np.asarray(array) for name, array in zip(_names(k), arrays, strict=True)}
    return weights


def _names(k: int) -> tuple[str, str, str, str]:
    return f"weight_ih_l{k}", f"weight_hh_l{k}", f"bias_ih_l{k}", f"bias_hh_l{k}"
