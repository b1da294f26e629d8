from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.losses import Output, softmax_nats
from charrnn_jax.sampled_softmax import draw_sample, log_uniform, sampled_softmax_nats

T, B, H, V, S = 3, 4, 5, 12, 4
KEY, W_KEY, B_KEY, H_KEY, TARGET_KEY = jax.random.split(jax.random.key(0), 5)
OUTPUT = Output(jax.random.normal(W_KEY, (H, V)), jax.random.normal(B_KEY, (V,)))
HIDDEN = jax.random.normal(H_KEY, (T, B, H))
TARGETS = jax.random.randint(TARGET_KEY, (T, B), 0, V)
MANY = 20_000


def draws(samples, number):
    """Which tokens were drawn, and their log expected counts, `number` times."""
    keys = jax.random.split(KEY, number)
    sample = jax.jit(jax.vmap(lambda key: draw_sample(key, log_uniform(V), samples)))(keys)
    drawn = (sample.ids[:, :, None] == jnp.arange(V)[None, None, :]).sum(axis=1)
    return np.asarray(drawn), np.asarray(sample.log_expected, np.float64)


def value_and_gradient(nats_of, output, h):
    weights = jnp.arange(T * B, dtype=h.dtype).reshape(T, B)

    def loss(output, h):
        nats = nats_of(output, h, TARGETS)
        return jnp.sum(nats * weights), nats

    return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(output, h)


def test_the_proposal_is_a_distribution_that_falls_as_one_over_the_rank():
    q = np.asarray(log_uniform(1000))
    np.testing.assert_allclose(q.sum(), 1, rtol=1e-5)
    rank = np.arange(1, 1001)
    np.testing.assert_allclose(q * (rank + 0.5), 1 / np.log(1001), rtol=0.05)


def test_the_first_token_drawn_has_the_probability_of_the_proposal():
    drawn, _ = draws(1, MANY)
    q = np.asarray(log_uniform(V))
    np.testing.assert_allclose(drawn.mean(axis=0), q, atol=5 * np.sqrt(q.max() / MANY))


@pytest.mark.parametrize("samples", [1, S, V - 1])
def test_tokens_are_drawn_once_and_their_expected_counts_are_right(samples):
    """A sum over the sample, each term divided by its expected count, is on average the sum over the vocabulary."""
    drawn, log_expected = draws(samples, MANY)
    assert drawn.max() == 1
    assert (drawn.sum(axis=1) == samples).all()
    assert (log_expected <= 0).all()
    estimates = drawn / np.exp(log_expected)
    error = estimates.std(axis=0) / np.sqrt(MANY)
    assert (np.abs(estimates.mean(axis=0) - 1) < 5 * error + 1e-3).all()


def test_nats_and_gradients_are_those_of_the_corrected_softmax_token_by_token():
    """The oracle goes through targets and sample one by one. Some targets are in the sample, others are not."""

    def brute_force(output, h, targets):
        nats = []
        for t, n in np.ndindex(*targets.shape):
            target = int(np.asarray(targets)[t, n])
            candidates = np.array([target, *(j for j in sample if j != target)])
            scores = jnp.exp(h[t, n] @ output.W[:, candidates] + output.b[candidates])
            corrected = scores / np.exp(log_expected[candidates])
            nats.append(-jnp.log(corrected[0] / corrected.sum()))
        return jnp.stack(nats).reshape(targets.shape)

    with jax.enable_x64(True):
        sample, log_expected = (np.asarray(x) for x in draw_sample(KEY, log_uniform(V), S))
        hits = np.isin(TARGETS, sample)
        assert hits.any()
        assert not hits.all()
        output, h = jax.tree.map(lambda x: jnp.asarray(x, "float64"), (OUTPUT, HIDDEN))
        ours = value_and_gradient(partial(sampled_softmax_nats, key=KEY, samples=S), output, h)
        close = partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10)
        jax.tree.map(close, ours, value_and_gradient(brute_force, output, h))


@pytest.mark.parametrize("samples", [V, V + 5])
def test_with_the_whole_vocabulary_sampled_it_is_the_full_softmax(samples):
    with jax.enable_x64(True):
        output, h = jax.tree.map(lambda x: jnp.asarray(x, "float64"), (OUTPUT, HIDDEN))
        ours = value_and_gradient(partial(sampled_softmax_nats, key=KEY, samples=samples), output, h)
        close = partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10)
        jax.tree.map(close, ours, value_and_gradient(softmax_nats, output, h))


def test_the_mean_gradient_approaches_the_full_one_as_samples_grow():
    def gradient(nats_of):
        return jax.grad(lambda output: jnp.mean(nats_of(output, HIDDEN, TARGETS)))(OUTPUT).W

    @partial(jax.jit, static_argnums=0)
    def mean(samples):
        keys = jax.random.split(KEY, 4000)
        every = jax.vmap(lambda key: gradient(partial(sampled_softmax_nats, key=key, samples=samples)))(keys)
        return every.mean(axis=0)

    full = gradient(softmax_nats)
    errors = [float(jnp.linalg.norm(mean(samples) - full) / jnp.linalg.norm(full)) for samples in (1, 3, 6, 9, 11)]
    assert all(fewer > 1.3 * more for fewer, more in pairwise(errors)), errors
    assert errors[-1] < 0.1


def test_where_the_model_is_right_the_mean_gradient_nearly_vanishes():
    """Targets as the model expects them: all of them at once, each weighted with its probability. Were the target's
    logit left as it is, the gradient would drive the model away."""
    V, samples = 60, 10
    b = jnp.log(log_uniform(V)) + jax.random.normal(B_KEY, (V,))
    probability = jax.nn.softmax(b)
    every, h = jnp.arange(V)[None, :], jnp.zeros((1, V, 1))

    def corrected(b, key):
        return sampled_softmax_nats(Output(jnp.zeros((1, V)), b), h, every, key, samples)[0]

    def as_it_is(b, key):
        expected = jnp.exp(draw_sample(key, log_uniform(V), samples).log_expected)
        return jnp.log1p(jnp.expm1(corrected(b, key)) / expected)

    def mean_gradient(nats_of):
        gradient = jax.grad(lambda b, key: jnp.sum(nats_of(b, key) * probability))
        of_each_key = jax.jit(jax.vmap(gradient, (None, 0)))(b, jax.random.split(KEY, MANY))
        return jnp.linalg.norm(of_each_key.mean(axis=0))

    assert mean_gradient(corrected) < mean_gradient(as_it_is) / 4


def test_only_the_sample_and_the_targets_get_a_gradient():
    sample = draw_sample(KEY, log_uniform(V), S).ids
    targets = jnp.full((T, B), 7)
    loss = partial(sampled_softmax_nats, key=KEY, samples=S)
    gradient = jax.grad(lambda output: jnp.sum(loss(output, HIDDEN, targets)))(OUTPUT)
    touched = set(np.flatnonzero(np.abs(gradient.W).sum(axis=0)).tolist())
    assert touched == set(np.flatnonzero(gradient.b).tolist()) == {7, *sample.tolist()}


def test_the_key_decides():
    def nats(key):
        return sampled_softmax_nats(OUTPUT, HIDDEN, TARGETS, key, S)

    np.testing.assert_array_equal(nats(KEY), nats(KEY))
    assert np.all(nats(KEY) != nats(W_KEY))


@pytest.mark.parametrize("bad", [V, -1, 10**6])
def test_a_target_outside_the_vocabulary_costs_nan_and_no_other_target_does(bad):
    nats = sampled_softmax_nats(OUTPUT, HIDDEN, TARGETS.at[1, 2].set(bad), KEY, S)
    assert np.argwhere(np.isnan(nats)).tolist() == [[1, 2]]


@pytest.mark.parametrize("bad", [2**32, 2**32 + 1])
def test_a_target_that_32_bits_do_not_count_to_costs_nan(bad):
    with jax.enable_x64(True):
        nats = jax.jit(partial(sampled_softmax_nats, samples=S))(
            OUTPUT, HIDDEN, TARGETS.astype("int64").at[1, 2].set(bad), KEY
        )
    np.testing.assert_array_equal(np.argwhere(np.isnan(nats)), [[1, 2]])


def test_targets_of_few_bits_find_their_columns():
    output = Output(jax.random.normal(W_KEY, (H, 300)), jnp.zeros(300))
    wide, narrow = (sampled_softmax_nats(output, HIDDEN, x, KEY, 200) for x in (TARGETS, TARGETS.astype(jnp.int8)))
    np.testing.assert_array_equal(wide, narrow)


def test_in_bfloat16_target_and_sample_round_as_the_full_softmax():
    nats = sampled_softmax_nats(OUTPUT, HIDDEN, TARGETS, KEY, V, "bfloat16")
    assert nats.dtype == jnp.float32
    np.testing.assert_allclose(nats, softmax_nats(OUTPUT, HIDDEN, TARGETS, "bfloat16"), rtol=1e-5, atol=1e-5)
    assert np.any(np.abs(nats - softmax_nats(OUTPUT, HIDDEN, TARGETS)) > 1e-4)


def test_a_large_vocabulary_takes_a_fraction_of_the_memory():
    shapes = Output(jnp.zeros((4, 100_000)), jnp.zeros(100_000)), jnp.zeros((32, 16, 4)), jnp.zeros((32, 16), jnp.int32)

    def planned(nats_of):
        gradient = jax.grad(lambda *arguments: jnp.sum(nats_of(*arguments)), argnums=(0, 1))
        return jax.jit(gradient).lower(*shapes).compile().memory_analysis().temp_size_in_bytes

    assert planned(partial(sampled_softmax_nats, key=KEY, samples=1000)) < planned(softmax_nats) / 20
