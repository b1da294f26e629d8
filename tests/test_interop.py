"""Parity with PyTorch: the same weights give the same outputs and the same gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.cells import CELLS
from charrnn_jax.errors import InputError
from charrnn_jax.interop import layers_from_torch, layers_to_torch
from charrnn_jax.recurrence import init_layer, project, scan

SIZES = [(1, 1, 1, 1, 1), (5, 2, 3, 4, 1), (7, 3, 6, 5, 3), (20, 4, 16, 32, 2)]


def run(cell, layers, x, state):
    finals = []
    for layer, initial in zip(layers, state, strict=True):
        final, x = scan(cell, layer, project(layer, x), initial)
        finals.append(final)
    return x, tuple(finals)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("T", "B", "E", "H", "L"), SIZES)
def test_outputs_and_gradients_equal_pytorch(name, T, B, E, H, L):
    torch = pytest.importorskip("torch", reason="parity needs torch (make test installs it)")
    torch.manual_seed(0)
    rnn = {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[name](E, H, L)
    cell, x = CELLS[name], torch.randn(T, B, E, requires_grad=True)
    first = [torch.randn(L, B, H) for _ in cell.init(1, 1)]
    theirs, last = rnn(x, tuple(first) if len(first) == 2 else first[0])
    (theirs**2).sum().backward()

    layers = layers_from_torch({k: v.detach().numpy() for k, v in rnn.state_dict().items()}, cell)
    state = tuple(type(cell.init(1, 1))(*(jnp.asarray(f[i].numpy()) for f in first)) for i in range(L))
    ours, finals = run(cell, layers, jnp.asarray(x.detach().numpy()), state)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-5)
    last_h = last[0] if isinstance(last, tuple) else last
    np.testing.assert_allclose(finals[-1].h, last_h[-1].detach().numpy(), atol=1e-5)

    def loss(layers, x):
        return jnp.sum(run(cell, layers, x, state)[0] ** 2)

    gradient, dx = jax.grad(loss, argnums=(0, 1))(layers, jnp.asarray(x.detach().numpy()))
    np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-4, atol=1e-5)
    for key, ours in layers_to_torch(gradient).items():
        if "bias_hh" not in key or cell.recurrent_bias:  # a merged bias has one gradient
            theirs = dict(rnn.named_parameters())[key].grad.numpy()
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * max(1, np.abs(theirs).max()))


@pytest.mark.parametrize("name", CELLS)
def test_export_and_import_give_the_same_layers(name):
    cell = CELLS[name]
    layers = tuple(init_layer(jax.random.key(i), cell, 4, 4) for i in range(3))
    jax.tree.map(np.testing.assert_array_equal, layers, layers_from_torch(layers_to_torch(layers), cell))


def test_a_missing_name_is_said():
    with pytest.raises(InputError, match="no weight_ih_l0"):
        layers_from_torch({}, CELLS["lstm"])
