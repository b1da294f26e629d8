"""Parity with PyTorch: the same weights give the same outputs, final states and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.cells import CELLS
from charrnn_jax.embedding import embed_lookup
from charrnn_jax.errors import InputError
from charrnn_jax.interop import layers_from_torch, layers_to_torch, output_from_torch, output_to_torch
from charrnn_jax.losses import Output, linear, softmax_nats
from charrnn_jax.recurrence import init_layer, project, scan

SIZES = [(1, 1, 1, 1, 1), (5, 2, 3, 4, 1), (7, 3, 6, 5, 3), (20, 4, 16, 32, 2)]
EACH_CELL = pytest.mark.parametrize("name", ["elman", "gru", "lstm"])  # those that PyTorch has


@pytest.fixture
def torch():
    module = pytest.importorskip("torch", reason="parity needs torch (make test installs it)")
    module.manual_seed(0)
    return module


def of_torch(tensor):
    return jnp.asarray(tensor.detach().numpy())


def arrays(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def torch_rnn(torch, name, *sizes):
    return {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[name](*sizes)


def assert_close(ours, theirs):
    """To 1e-5 of the largest number: float32 sums in another order."""
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(theirs).max()))


def run(cell, layers, x, state):
    finals = []
    for layer, initial in zip(layers, state, strict=True):
        final, x = scan(cell, layer, project(layer, x), initial)
        finals.append(final)
    return tuple(finals), x


@EACH_CELL
@pytest.mark.parametrize(("T", "B", "E", "H", "L"), SIZES)
def test_outputs_final_states_and_all_gradients_equal_pytorch(torch, name, T, B, E, H, L):
    rnn, cell = torch_rnn(torch, name, E, H, L), CELLS[name]
    kind = type(cell.init(1, 1))
    x = torch.randn(T, B, E, requires_grad=True)
    first = [torch.randn(L, B, H, requires_grad=True) for _ in kind._fields]
    h, last = rnn(x, tuple(first) if len(first) == 2 else first[0])
    last = last if isinstance(last, tuple) else (last,)
    (sum((a**2).sum() for a in last) + (h**2).sum()).backward()

    layers = layers_from_torch(arrays(rnn), cell)
    state = tuple(kind(*(of_torch(part[k]) for part in first)) for k in range(L))
    finals, ours = run(cell, layers, of_torch(x), state)
    assert_close(ours, of_torch(h))
    for k, final in enumerate(finals):
        jax.tree.map(assert_close, final, kind(*(of_torch(part[k]) for part in last)))

    def loss(*arguments):
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(run(cell, *arguments)))

    d_layers, d_x, d_state = jax.grad(loss, argnums=(0, 1, 2))(layers, of_torch(x), state)
    assert_close(d_x, of_torch(x.grad))
    for k in range(L):
        jax.tree.map(assert_close, d_state[k], kind(*(of_torch(part.grad[k]) for part in first)))
    named = layers_to_torch(d_layers)
    for key, parameter in rnn.named_parameters():  # a merged bias has one gradient, that of both
        ours = named[key] if cell.recurrent_bias else named[key.replace("bias_hh", "bias_ih")]
        assert_close(ours, of_torch(parameter.grad))


@EACH_CELL
def test_pytorch_loads_what_is_exported_and_says_the_same(torch, name):
    cell = CELLS[name]
    layers = tuple(init_layer(jax.random.key(i), cell, size, 4) for i, size in enumerate((3, 4)))
    rnn = torch_rnn(torch, name, 3, 4, 2)
    rnn.load_state_dict({key: torch.from_numpy(array) for key, array in layers_to_torch(layers).items()})
    x = torch.randn(5, 2, 3)
    assert_close(run(cell, layers, of_torch(x), (cell.init(2, 4),) * 2)[1], of_torch(rnn(x)[0]))


def test_an_embedding_and_its_gradient_equal_pytorch(torch):
    table, ids = torch.nn.Embedding(11, 4), torch.tensor([[1, 10], [1, 0], [1, 3]])
    theirs = table(ids)
    (theirs**3).sum().backward()
    ours, back = jax.vjp(lambda weight: embed_lookup(weight, of_torch(ids)), of_torch(table.weight))
    np.testing.assert_array_equal(ours, of_torch(theirs))
    assert_close(back(3 * ours**2)[0], of_torch(table.weight.grad))


def test_an_output_layer_its_loss_and_its_gradients_equal_pytorch(torch):
    layer, h, targets = torch.nn.Linear(6, 9), torch.randn(5, 2, 6), torch.randint(9, (5, 2))
    theirs = layer(h)
    nats = torch.nn.functional.cross_entropy(theirs.flatten(0, 1), targets.flatten(), reduction="none")
    nats.sum().backward()
    output = output_from_torch(arrays(layer))
    assert_close(linear(output, of_torch(h)), of_torch(theirs))
    assert_close(softmax_nats(output, of_torch(h), of_torch(targets)).ravel(), of_torch(nats))
    gradient = jax.grad(lambda output: jnp.sum(softmax_nats(output, of_torch(h), of_torch(targets))))(output)
    for key, parameter in layer.named_parameters():
        assert_close(output_to_torch(gradient)[key], of_torch(parameter.grad))


@EACH_CELL
def test_export_and_import_give_the_same_layers(name):
    cell = CELLS[name]
    layers = tuple(init_layer(jax.random.key(i), cell, 4, 4) for i in range(3))
    exported = layers_to_torch(layers)
    jax.tree.map(np.testing.assert_array_equal, layers, layers_from_torch(exported, cell))
    assert not exported["bias_hh_l2"].any()


def test_export_and_import_give_the_same_output_layer():
    output = Output(jax.random.normal(jax.random.key(0), (3, 5)), jnp.arange(5.0))
    jax.tree.map(np.testing.assert_array_equal, output, output_from_torch(output_to_torch(output)))


@pytest.mark.parametrize("lost", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l1", "bias_hh_l1", "weight_ih_l1"])
def test_the_first_missing_name_is_said(lost):
    weights = layers_to_torch([init_layer(jax.random.key(0), CELLS["lstm"], 4, 4)] * 2)
    del weights[lost]
    with pytest.raises(InputError, match=f"no {lost}:"):
        layers_from_torch(weights, CELLS["lstm"])


def test_a_missing_output_bias_is_said():
    with pytest.raises(InputError, match="no bias:"):
        output_from_torch({"weight": np.ones((5, 3), np.float32)})


@pytest.mark.parametrize("foreign", ["weight_ih_l0_reverse", "weight_hr_l0"])
def test_a_network_of_another_kind_is_refused(foreign):
    weights = layers_to_torch([init_layer(jax.random.key(0), CELLS["lstm"], 4, 4)])
    with pytest.raises(InputError, match=foreign):
        layers_from_torch({**weights, foreign: weights["weight_ih_l0"]}, CELLS["lstm"])
