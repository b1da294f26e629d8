from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.cells import CELLS
from charrnn_jax.losses import Output
from charrnn_jax.model import LanguageModel, count_parameters, init_params, init_state, score, step
from charrnn_jax.regularisation import dropout

V, E, H, T, B = 9, 5, 6, 7, 3
IDS = jax.random.randint(jax.random.key(0), (T, B), 0, V)
TARGETS = jax.random.randint(jax.random.key(1), (T, B), 0, V)


def nats_and_gradient(model, params):
    def loss(params):
        return jnp.sum(score(model, params, IDS, TARGETS, init_state(model, B))[1])

    return jax.value_and_grad(loss)(params)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_the_three_input_modes_are_one_model(cell, layers):
    lookup, product, direct = (
        LanguageModel(V, E, H, layers, cell, input_mode=mode) for mode in ("lookup", "one_hot", "direct")
    )
    params = init_params(lookup, jax.random.key(2))
    nats, gradient = nats_and_gradient(lookup, params)
    same_nats, same_gradient = nats_and_gradient(product, params)
    np.testing.assert_allclose(nats, same_nats, rtol=1e-6)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), gradient, same_gradient)

    first = params["layer_0"]
    folded = {**params, "layer_0": first._replace(W=params["embedding"] @ first.W)}
    del folded["embedding"]
    direct_nats, direct_gradient = nats_and_gradient(direct, folded)
    np.testing.assert_allclose(nats, direct_nats, rtol=1e-6)
    dW = direct_gradient["layer_0"].W
    np.testing.assert_allclose(params["embedding"].T @ dW, gradient["layer_0"].W, atol=1e-5)
    np.testing.assert_allclose(dW @ first.W.T, gradient["embedding"], atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_no_prediction_depends_on_a_later_token(cell):
    model = LanguageModel(V, E, H, 2, cell)
    params = init_params(model, jax.random.key(3))

    def nats_of_distinct_rows(table):
        ids = jnp.arange(V)[:, None]  # token t is row t, so that the gradient by rows is the gradient by time
        return score(model, {**params, "embedding": table}, ids, ids, init_state(model, 1))[1][:, 0]

    jacobian = jnp.abs(jax.jacrev(nats_of_distinct_rows)(params["embedding"])).sum(axis=-1)
    assert (jacobian[np.triu_indices(V, k=1)] == 0).all()
    assert (jnp.diagonal(jacobian) > 0).all()


@pytest.mark.parametrize("cell", CELLS)
def test_stepwise_is_teacher_forced(cell):
    model = LanguageModel(V, E, H, 2, cell)
    params = init_params(model, jax.random.key(4))
    _, whole = step(model, params, IDS, init_state(model, B))
    state = init_state(model, B)
    for t in range(T):
        state, logits = step(model, params, IDS[t : t + 1], state)
        np.testing.assert_allclose(logits[0], whole[t], atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("mode", "tied"), [("lookup", False), ("lookup", True), ("one_hot", False), ("direct", False)])
def test_parameters_are_counted_as_they_are(cell, mode, tied):
    model = LanguageModel(V, H, H, 2, cell, input_mode=mode, tied=tied)
    params = init_params(model, jax.random.key(0))
    counts = count_parameters(model)
    assert counts.total == sum(leaf.size for leaf in jax.tree.leaves(params))
    assert counts.recurrent == sum(leaf.size for i in (0, 1) for leaf in jax.tree.leaves(params[f"layer_{i}"]))
    assert counts.embedding == (0 if mode == "direct" else V * H)
    assert counts.output == V + (0 if tied else H * V)


@pytest.mark.parametrize("mode", ["lookup", "one_hot"])
def test_tied_output_weights_are_the_table(mode):
    tied, free = (LanguageModel(V, H, H, input_mode=mode, tied=tied) for tied in (True, False))
    params = init_params(tied, jax.random.key(5))
    output = Output(params["embedding"].T, params["output"])
    nats, gradient = nats_and_gradient(tied, params)
    same_nats, parts = nats_and_gradient(free, {**params, "output": output})
    np.testing.assert_allclose(nats, same_nats, rtol=1e-6)
    np.testing.assert_allclose(gradient["embedding"], parts["embedding"] + parts["output"].W.T, atol=1e-5)


@pytest.mark.parametrize("mode", ["direct", "lookup"])
def test_tied_weights_need_a_table_of_the_hidden_size(mode):
    with pytest.raises(ValueError, match="tied weights need an embedding layer with embed_size equal to hidden_size"):
        init_params(LanguageModel(V, E, H, input_mode=mode, tied=True), jax.random.key(0))


def test_dropout_keeps_the_expectation():
    x = jnp.full((400, 400), 2.0)
    dropped = dropout(jax.random.key(0), 0.3, x)
    np.testing.assert_allclose(dropped.mean(), 2.0, atol=0.02)
    np.testing.assert_allclose((dropped == 0).mean(), 0.3, atol=0.01)


def test_dropout_is_off_without_a_key():
    model = LanguageModel(V, E, H, dropout=0.5)
    params = init_params(model, jax.random.key(0))
    plain = score(LanguageModel(V, E, H), params, IDS, TARGETS, init_state(model, B))[1]
    np.testing.assert_allclose(score(model, params, IDS, TARGETS, init_state(model, B))[1], plain, rtol=1e-5)
    dropped = score(model, params, IDS, TARGETS, init_state(model, B), jax.random.key(1))[1]
    assert (dropped != plain).any()
