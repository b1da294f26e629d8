from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.cells import CELLS
from charrnn_jax.initialisation import Initial
from charrnn_jax.model import LanguageModel, init_params, init_state, penalised_score, score, step
from charrnn_jax.mogrifier import Gating
from charrnn_jax.noise import Rates
from charrnn_jax.parameters import count_parameters

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


OTHERS = ["layer_norm_lstm", "qrnn_2", "capped_mogrifier"]


@pytest.mark.parametrize("cell", [*CELLS, *OTHERS])
def test_stepwise_is_teacher_forced(cell):
    model = LanguageModel(V, E, H, 2, cell, gating=Gating(2, 3))
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
    output = params["output"]._replace(W=params["embedding"].T)
    nats, gradient = nats_and_gradient(tied, params)
    same_nats, parts = nats_and_gradient(free, {**params, "output": output})
    np.testing.assert_allclose(nats, same_nats, rtol=1e-6)
    np.testing.assert_allclose(gradient["embedding"], parts["embedding"] + parts["output"].W.T, atol=1e-5)


@pytest.mark.parametrize("mode", ["direct", "lookup"])
def test_tied_weights_need_a_table_of_the_hidden_size(mode):
    with pytest.raises(ValueError, match="tied weights need an embedding layer, and a single layer embed_size"):
        init_params(LanguageModel(V, E, H, input_mode=mode, tied=True), jax.random.key(0))


def test_dropout_is_off_without_a_key():
    model = LanguageModel(V, E, H, dropout=0.5)
    params = init_params(model, jax.random.key(0))
    plain = score(LanguageModel(V, E, H), params, IDS, TARGETS, init_state(model, B))[1]
    np.testing.assert_allclose(score(model, params, IDS, TARGETS, init_state(model, B))[1], plain, rtol=1e-5)
    dropped = score(model, params, IDS, TARGETS, init_state(model, B), jax.random.key(1))[1]
    assert (dropped != plain).any()


RATES = {
    "input_dropout": 0.5,
    "hidden_dropout": 0.5,
    "state_dropout": 0.5,
    "embedding_dropout": 0.5,
    "weight_drop": 0.5,
    "zoneout_hidden": 0.5,
    "zoneout_cell": 0.5,
    "label_smoothing": 0.1,
    "activation": 2.0,
    "temporal_activation": 1.0,
}


def trained_on(model, params, key):
    """What training differentiates: the mean nats, the mean loss, and the loss's gradient."""

    def loss(params):
        _, nats, added = penalised_score(model, params, IDS, TARGETS, init_state(model, B), key)
        return jnp.mean(nats + added), nats

    return jax.jit(jax.value_and_grad(loss, has_aux=True))(params)


@pytest.mark.parametrize("name", RATES)
def test_a_rate_changes_training_and_at_zero_not_a_bit(name):
    plain = LanguageModel(V, E, H, 2)
    params, key = init_params(plain, jax.random.key(6)), jax.random.key(7)
    expected = trained_on(plain, params, key)
    without = trained_on(plain.clone(rates=Rates(**{name: 0.0})), params, key)
    jax.tree.map(np.testing.assert_array_equal, without, expected)
    (loss, _), _ = trained_on(plain.clone(rates=Rates(**{name: RATES[name]})), params, key)
    assert loss != expected[0][0]


def test_training_at_zero_is_on_the_score_of_the_model_in_the_same_bits():
    """A key, and every rate at zero, beside the function that knows of no rates."""
    plain = LanguageModel(V, E, H, 2)
    zero = plain.clone(rates=Rates(input_dropout=0.0, hidden_dropout=0.0))
    params = init_params(plain, jax.random.key(6))

    def loss(params):
        _, nats = score(plain, params, IDS, TARGETS, init_state(plain, B))
        return jnp.mean(nats), nats

    (mean, nats), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    jax.tree.map(np.testing.assert_array_equal, trained_on(zero, params, jax.random.key(7)), ((mean, nats), gradient))


@pytest.mark.parametrize("name", RATES)
def test_noise_is_off_without_a_key_but_for_the_expectation_of_zoneout(name):
    plain = LanguageModel(V, E, H, 2)
    params = init_params(plain, jax.random.key(8))
    expected, nats = (
        score(model, params, IDS, TARGETS, init_state(plain, B))[1]
        for model in (plain, plain.clone(rates=Rates(**{name: RATES[name]})))
    )
    assert bool((nats == expected).all()) == (not name.startswith("zoneout"))


@pytest.mark.parametrize("cell", OTHERS)
def test_every_layer_trains_with_the_noise_that_it_has(cell):
    plain = LanguageModel(V, E, H, 2, cell, gating=Gating(2, 3))
    params, key = init_params(plain, jax.random.key(14)), jax.random.key(15)
    expected = trained_on(plain, params, key)
    for name in ["zoneout_cell"] if cell == "qrnn_2" else ["zoneout_hidden", "weight_drop", "state_dropout"]:
        without = trained_on(plain.clone(rates=Rates(**{name: 0.0})), params, key)
        jax.tree.map(np.testing.assert_array_equal, without, expected)
        (loss, _), gradient = trained_on(plain.clone(rates=Rates(**{name: 0.5})), params, key)
        assert loss != expected[0][0]
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


def test_the_expectation_of_zoneout_moves_by_a_share_of_the_way():
    plain = LanguageModel(V, E, H, 1)
    params, ids = init_params(plain, jax.random.key(9)), IDS[:1]
    state = jax.tree.map(lambda x: x + 0.5, init_state(plain, B))
    (whole,), _ = step(plain, params, ids, state)
    (part,), _ = step(plain.clone(rates=Rates(zoneout_hidden=0.25, zoneout_cell=0.75)), params, ids, state)
    np.testing.assert_allclose(part.h, 0.25 * state[0].h + 0.75 * whole.h, rtol=1e-6)
    np.testing.assert_allclose(part.c, 0.75 * state[0].c + 0.25 * whole.c, rtol=1e-6)


def test_a_locked_mask_is_one_for_all_steps():
    model = LanguageModel(V, E, H, 1, dropout=0.5, rates=Rates(locked=True))
    params, key = init_params(model, jax.random.key(10)), jax.random.key(11)
    _, h = model.apply({"params": params}, IDS, init_state(model, B), key)
    dropped = np.asarray(h == 0)
    assert (dropped == dropped[:1]).all()
    assert 0 < dropped.mean() < 1
    assert (dropped[0, 0] != dropped[0, 1]).any()


def test_tied_weights_give_the_last_layer_as_many_units_as_the_embedding_has():
    model = LanguageModel(V, E, H + 3, 3, tied=True)
    params = init_params(model, jax.random.key(12))
    assert [params[f"layer_{i}"].R.shape[0] for i in range(3)] == [H + 3, H + 3, E]
    states, nats = score(model, params, IDS, TARGETS, init_state(model, B))
    assert [state.h.shape for state in states] == [(B, H + 3), (B, H + 3), (B, E)]
    assert np.isfinite(nats).all()


def test_layers_that_are_summed_all_speak_to_the_output_layer():
    model = LanguageModel(V, E, H, 3, sum_layers=True)
    params, state = init_params(model, jax.random.key(16)), init_state(model, B)
    each = [LanguageModel(V, E, H, n).apply({"params": params}, IDS, state[:n])[1] for n in (1, 2, 3)]
    np.testing.assert_allclose(model.apply({"params": params}, IDS, state)[1], sum(each), atol=1e-6)
    with pytest.raises(ValueError, match="need as many units each"):
        init_params(LanguageModel(V, E, H, 2, tied=True, sum_layers=True), jax.random.key(0))


def test_initial_values_as_the_papers_have_them():
    model = LanguageModel(V, E, H, 2, initial=Initial(init_scale=0.1, forget_bias=1.0))
    params = init_params(model, jax.random.key(13))
    for i in range(2):
        blocks = params[f"layer_{i}"].b.reshape(4, H)
        assert (blocks[1] == 1).all()
        params[f"layer_{i}"] = params[f"layer_{i}"]._replace(b=blocks.at[1].set(0.05))
    flat = np.concatenate([np.ravel(x) for x in jax.tree.leaves(params)])
    assert (np.abs(flat) <= 0.1).all()
    assert abs(flat.mean()) < 0.01
    assert flat.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.1)
