import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax import losses
from charrnn_jax.losses import cross_entropy, linear, softmax_nats
from charrnn_jax.mixture_of_softmaxes import init_mixture, mixture_log_probs, mixture_nats

T, B, H, E, V, K = 4, 3, 5, 6, 7, 3
KEY, BIAS_KEY, H_KEY, TARGET_KEY = jax.random.split(jax.random.key(0), 4)


def scaled(params):
    """Larger weights and biases, so that neither the components nor their shares are alike."""
    keys = jax.tree.unflatten(jax.tree.structure(params), list(jax.random.split(BIAS_KEY, 5)))
    return jax.tree.map(lambda x, key: 3 * x + 0.5 * jax.random.normal(key, x.shape), params, keys)


PARAMS = scaled(init_mixture(KEY, H, V, E, K))
HIDDEN = jax.random.normal(H_KEY, (T, B, H))
TARGETS = jax.random.randint(TARGET_KEY, (T, B), 0, V)


def brute_force(params, h):
    """The probability of every token: softmax by softmax, normalised and mixed explicitly."""
    shares = jnp.exp(jnp.einsum("tbh,hk->tbk", h, params.prior))
    mixed = jnp.zeros((*h.shape[:2], params.output.b.shape[0]), h.dtype)
    E = params.output.W.shape[0]
    for k in range(shares.shape[-1]):
        own = slice(k * E, (k + 1) * E)
        latent = jnp.tanh(jnp.einsum("tbh,he->tbe", h, params.latent.W[:, own]) + params.latent.b[None, None, own])
        scores = jnp.exp(jnp.einsum("tbe,ev->tbv", latent, params.output.W) + params.output.b[None, None, :])
        share = shares[..., k : k + 1] / shares.sum(axis=-1, keepdims=True)
        mixed += share * scores / scores.sum(axis=-1, keepdims=True)
    return mixed


def brute_force_nats(params, h, targets):
    return -jnp.log(jnp.take_along_axis(brute_force(params, h), targets[..., None], axis=-1)[..., 0])


def log_prob_nats(params, h, targets):
    return -jnp.take_along_axis(mixture_log_probs(params, h), targets[..., None], axis=-1)[..., 0]


def value_and_gradient(nats_of, params, h):
    weights = jnp.arange(T * B, dtype=h.dtype).reshape(T, B)

    def loss(params, h):
        nats = nats_of(params, h, TARGETS)
        return jnp.sum(nats * weights), nats

    return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(params, h)


@pytest.mark.parametrize("logits", [losses.LOGITS, 0])
@pytest.mark.parametrize(
    ("way", "dtype", "tolerance"),
    [(mixture_nats, "float64", 1e-10), (mixture_nats, "float32", 1e-4), (log_prob_nats, "float64", 1e-10)],
)
def test_nats_and_gradients_are_those_of_the_explicit_mixture(monkeypatch, logits, way, dtype, tolerance):
    """Through the whole softmax, and chunk by chunk."""
    monkeypatch.setattr(losses, "LOGITS", logits)
    with jax.enable_x64(dtype == "float64"):
        params, h = jax.tree.map(lambda x: jnp.asarray(x, dtype), (PARAMS, HIDDEN))
        close = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
        jax.tree.map(close, value_and_gradient(way, params, h), value_and_gradient(brute_force_nats, params, h))


def test_the_probabilities_of_the_vocabulary_sum_to_one():
    log_probs = mixture_log_probs(PARAMS, HIDDEN)
    assert log_probs.shape == (T, B, V)
    np.testing.assert_allclose(jnp.exp(log_probs).sum(axis=-1), np.ones((T, B)), rtol=1e-5)
    np.testing.assert_allclose(mixture_log_probs(PARAMS, HIDDEN[0]), log_probs[0], rtol=1e-5)


def test_one_component_is_a_softmax_of_its_latent_state():
    params = scaled(init_mixture(KEY, H, V, E, 1))
    latent = jnp.tanh(linear(params.latent, HIDDEN))
    np.testing.assert_allclose(
        mixture_nats(params, HIDDEN, TARGETS), softmax_nats(params.output, latent, TARGETS), rtol=1e-5, atol=1e-6
    )
    expected = jax.nn.log_softmax(linear(params.output, latent))
    np.testing.assert_allclose(mixture_log_probs(params, HIDDEN), expected, rtol=1e-5, atol=1e-6)


def test_log_probabilities_have_a_higher_rank_than_a_softmax_can_give_them():
    """What the paper is about (its corollary 1): a softmax over E units has at most E + 2, with its bias."""
    contexts, E, V = 40, 2, 30

    def rank(components):
        params = scaled(init_mixture(KEY, H, V, E, components))
        h = jax.random.normal(H_KEY, (1, contexts, H), params.prior.dtype)
        return np.linalg.matrix_rank(mixture_log_probs(params, h)[0], rtol=1e-8)

    with jax.enable_x64(True):
        assert rank(1) == E + 2
        assert rank(3) > 4 * (E + 2)


def test_tiny_probabilities_do_not_vanish():
    """A sum of probabilities would be zero, and cost infinitely many nats."""
    params = PARAMS._replace(output=PARAMS.output._replace(b=jnp.array([0.0, 200.0, 0, 0, 0, 0, 0])))
    targets = jnp.zeros_like(TARGETS)
    nats = mixture_nats(params, HIDDEN, targets)
    assert np.all((nats > 150) & (nats < 250))
    assert math.isfinite(jax.grad(lambda h: jnp.sum(mixture_nats(params, h, targets)))(HIDDEN).sum())


@pytest.mark.parametrize("bad", [V, -1, 10**6])
def test_a_target_outside_the_vocabulary_costs_nan_and_no_other_target_does(bad):
    nats = jax.jit(mixture_nats)(PARAMS, HIDDEN, TARGETS.at[1, 2].set(bad))
    assert np.argwhere(np.isnan(nats)).tolist() == [[1, 2]]


def test_in_bfloat16_nats_and_log_probs_round_alike():
    nats = mixture_nats(PARAMS, HIDDEN, TARGETS, "bfloat16")
    log_probs = mixture_log_probs(PARAMS, HIDDEN, "bfloat16")
    assert nats.dtype == log_probs.dtype == jnp.float32
    np.testing.assert_allclose(nats, cross_entropy(log_probs, TARGETS), rtol=1e-4, atol=1e-5)
    assert np.any(np.abs(nats - mixture_nats(PARAMS, HIDDEN, TARGETS)) > 1e-4)
