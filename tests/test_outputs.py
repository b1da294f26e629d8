"""Every output layer against the contract, in a model."""

import jax
import numpy as np
import pytest

from charrnn_jax.losses import cross_entropy
from charrnn_jax.model import LanguageModel, init_params, init_state, score, step
from charrnn_jax.outputs import Softmax, output_of

V, E, H, T, B = 11, 4, 5, 6, 3
IDS = jax.random.randint(jax.random.key(0), (T, B), 0, V)
TARGETS = jax.random.randint(jax.random.key(1), (T, B), 0, V)
SOFTMAXES = {
    "plain": Softmax(),
    "adaptive": Softmax(cutoffs=(3, 7)),
    "mixture": Softmax(components=3),
    "sampled": Softmax(samples=4),
}
TIED = [(name, tied) for name in SOFTMAXES for tied in (False, True) if not (name == "adaptive" and tied)]
EACH = pytest.mark.parametrize(("name", "tied"), TIED)


def model_of(name, tied):
    return LanguageModel(V, E, H, 2, tied=tied, softmax=SOFTMAXES[name])


@EACH
def test_what_a_target_costs_is_what_the_logits_say(name, tied):
    model = model_of(name, tied)
    params = init_params(model, jax.random.key(2))
    _, nats = score(model, params, IDS, TARGETS, init_state(model, B))
    _, logits = step(model, params, IDS, init_state(model, B))
    assert logits.shape == (T, B, V)
    np.testing.assert_allclose(nats, cross_entropy(logits, TARGETS), atol=1e-5)


@pytest.mark.parametrize("name", ["plain", "mixture", "sampled"])
def test_tied_weights_are_the_table_and_learn_from_both_sides(name):
    tied, free = (model_of(name, tied).clone(hidden_size=E) for tied in (True, False))
    params = init_params(tied, jax.random.key(3))
    whole = tied.output_layer.with_weights(params["output"], params["embedding"].T)

    def gradient(model, params):
        return jax.grad(lambda params: score(model, params, IDS, TARGETS, init_state(model, B))[1].sum())(params)

    both, parts = gradient(tied, params), gradient(free, {**params, "output": whole})
    as_output = {"plain": lambda o: o.W, "sampled": lambda o: o.W, "mixture": lambda o: o.output.W}[name]
    np.testing.assert_allclose(both["embedding"], parts["embedding"] + as_output(parts["output"]).T, atol=1e-5)


def test_a_sampled_softmax_is_an_estimate_in_training_alone_and_exact_with_all_tokens():
    model, plain = model_of("sampled", False), model_of("plain", False)
    params, key = init_params(plain, jax.random.key(4)), jax.random.key(5)
    exact = score(plain, params, IDS, TARGETS, init_state(plain, B))[1]
    np.testing.assert_array_equal(score(model, params, IDS, TARGETS, init_state(model, B))[1], exact)
    estimate = score(model, params, IDS, TARGETS, init_state(model, B), key)[1]
    assert (np.abs(estimate - exact) > 1e-3).any()
    whole = model.clone(softmax=Softmax(samples=V))
    np.testing.assert_allclose(score(whole, params, IDS, TARGETS, init_state(model, B), key)[1], exact, atol=1e-5)


def test_tied_weights_learn_in_bfloat16_what_they_learn_in_float32():
    """Of a vocabulary so large that XLA takes its routines for large products."""
    ids = jax.random.randint(jax.random.key(6), (24, 16), 0, 4_000)
    exact = LanguageModel(4_000, 32, 32, tied=True)
    params = init_params(exact, jax.random.key(7))

    def gradient(model):
        return jax.jit(jax.grad(lambda params: score(model, params, ids, ids, init_state(model, 16))[1].sum()))(params)

    rough, wanted = gradient(exact.clone(precision="bfloat16"))["embedding"], gradient(exact)["embedding"]
    assert np.linalg.norm(rough - wanted) <= 0.03 * np.linalg.norm(wanted)


def test_weights_that_are_not_there_cannot_be_tied():
    with pytest.raises(ValueError, match="adaptive softmax has no weights"):
        init_params(model_of("adaptive", True), jax.random.key(0))


def test_two_softmaxes_at_once_are_refused():
    with pytest.raises(ValueError, match="not two of these"):
        output_of(Softmax(cutoffs=(2,), samples=3), E)


def test_parameters_of_a_mixture_are_those_of_the_paper():
    K = 3
    params = jax.eval_shape(lambda: init_params(model_of("mixture", True), jax.random.key(0)))["output"]
    count = sum(x.size for x in jax.tree.leaves(params))
    assert count == E * K + E * K * E + K * E + V  # priors; latent weights and biases; output biases
