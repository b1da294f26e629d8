"""Weights from PyTorch's state-dict names, and back. PyTorch itself is not needed."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from charrnn_jax.cells import Cell
from charrnn_jax.errors import InputError
from charrnn_jax.losses import Output
from charrnn_jax.recurrence import Layer
from charrnn_jax.types import Array


def layers_from_torch(weights: Mapping[str, np.ndarray], cell: Cell) -> tuple[Layer, ...]:
    """The layers of an `nn.RNN`, `nn.GRU` or `nn.LSTM`, from the arrays of its state dict.

    PyTorch has two biases where one is enough; they are added, but for the GRU, whose second one the reset gate
    multiplies. Raises InputError for a missing name, and for a name of a network that runs backwards or projects
    its hidden state.
    """
    foreign = [name for name in weights if name.endswith("_reverse") or name.startswith("weight_hr_")]
    if foreign:
        raise InputError(f"{foreign[0]} has no place here: give an nn.RNN, nn.GRU or nn.LSTM of one direction")
    layers = []
    while not layers or any(name in weights for name in _names(len(layers))):
        W, R, b, b_R = _take(weights, _names(len(layers)), "an nn.RNN, nn.GRU or nn.LSTM with biases")
        merged = (b, b_R) if cell.recurrent_bias else (b + b_R, None)
        layers.append(Layer(W.T, merged[0], R.T, merged[1]))
    return tuple(layers)


def layers_to_torch(layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    """The state dict that `layers_from_torch` reads; a bias that was merged comes back as `bias_ih`, beside zeros."""
    weights = {}
    for k, layer in enumerate(layers):
        b_R = jnp.zeros_like(layer.b) if layer.b_R is None else layer.b_R
        arrays = (layer.W.T, layer.R.T, layer.b, b_R)
        weights |= {name: np.array(array) for name, array in zip(_names(k), arrays, strict=True)}
    return weights


def output_from_torch(weights: Mapping[str, np.ndarray]) -> Output:
    """The output layer of an `nn.Linear`, from the arrays of its state dict. Raises InputError for a missing name."""
    W, b = _take(weights, ("weight", "bias"), "an nn.Linear with a bias")
    return Output(W.T, b)


def output_to_torch(output: Output) -> dict[str, np.ndarray]:
    """The state dict that `output_from_torch` reads."""
    return {"weight": np.array(output.W.T), "bias": np.array(output.b)}


def _take(weights: Mapping[str, np.ndarray], names: Sequence[str], owner: str) -> list[Array]:
    missing = [name for name in names if name not in weights]
    if missing:
        raise InputError(f"the state dict has no {missing[0]}: give that of {owner}")
    return [jnp.asarray(weights[name]) for name in names]


def _names(k: int) -> tuple[str, str, str, str]:
    return f"weight_ih_l{k}", f"weight_hh_l{k}", f"bias_ih_l{k}", f"bias_hh_l{k}"
