import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.losses import (
    SHORT,
    Output,
    chunked_softmax_nats,
    cross_entropy,
    linear,
    score_targets,
    softmax_nats,
    token_nats,
)
from charrnn_jax.products import rounded

T, B, H, V = 4, 3, 5, 7
W_KEY, B_KEY, H_KEY, TARGET_KEY = jax.random.split(jax.random.key(0), 4)
OUTPUT = Output(jax.random.normal(W_KEY, (H, V)), jax.random.normal(B_KEY, (V,)))
HIDDEN = jax.random.normal(H_KEY, (T, B, H))
TARGETS = jax.random.randint(TARGET_KEY, (T, B), 0, V)


def test_nats_are_minus_log_softmax_token_by_token():
    nats, logits = softmax_nats(OUTPUT, HIDDEN, TARGETS), linear(OUTPUT, HIDDEN)
    W, b, h = (np.asarray(x, np.float64) for x in (*OUTPUT, HIDDEN))
    for t in range(T):
        for n in range(B):
            scores = [sum(h[t, n, j] * W[j, v] for j in range(H)) + b[v] for v in range(V)]
            np.testing.assert_allclose(logits[t, n], scores, rtol=1e-5, atol=1e-5)
            probability = math.exp(scores[TARGETS[t, n]]) / sum(math.exp(s) for s in scores)
            np.testing.assert_allclose(nats[t, n], -math.log(probability), rtol=1e-5, atol=1e-6)


def test_the_gradient_is_softmax_minus_one_hot():
    logits = linear(OUTPUT, HIDDEN)
    gradient = jax.grad(lambda logits: jnp.sum(cross_entropy(logits, TARGETS)))(logits)
    np.testing.assert_allclose(gradient, jax.nn.softmax(logits) - np.eye(V, dtype=np.float32)[TARGETS], atol=1e-6)


def test_the_probabilities_of_all_targets_sum_to_one():
    every = jnp.broadcast_to(jnp.arange(V)[:, None], (V, B))
    same = jnp.broadcast_to(HIDDEN[:1], (V, B, H))
    np.testing.assert_allclose(jnp.exp(-softmax_nats(OUTPUT, same, every)).sum(axis=0), np.ones(B), rtol=1e-5)


def test_huge_logits_do_not_overflow():
    logits = jnp.array([[[1e4, 0.0, -1e4]]])
    for target, nats in enumerate([0.0, 1e4, 2e4]):
        assert cross_entropy(logits, jnp.array([[target]])) == nats


@pytest.mark.parametrize("bad", [V, -1, -V - 1, 10**6])
def test_a_target_outside_the_vocabulary_is_nan_and_no_other_target_is(bad):
    nats = jax.jit(softmax_nats)(OUTPUT, HIDDEN, TARGETS.at[1, 2].set(bad))
    expected = np.zeros((T, B), bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(np.isnan(nats), expected)


@pytest.mark.parametrize("bad", [2**32, 2**32 + 1, -(2**32)])
@pytest.mark.parametrize("way", [softmax_nats, partial(chunked_softmax_nats, chunk=3)])
def test_a_target_that_32_bits_do_not_count_to_costs_nan(way, bad):
    with jax.enable_x64(True):
        nats = jax.jit(way)(OUTPUT, HIDDEN, TARGETS.astype("int64").at[1, 2].set(bad))
    np.testing.assert_array_equal(np.argwhere(np.isnan(nats)), [[1, 2]])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("chunk", [None, 1, 2, 3, 7, 10])
def test_each_way_is_plain_cross_entropy_in_value_and_gradient(chunk, dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        output, h = jax.tree.map(lambda x: jnp.asarray(x, dtype), (OUTPUT, HIDDEN))
        way = partial(chunked_softmax_nats, chunk=chunk) if chunk else softmax_nats
        assert_plain(way, output, h, TARGETS, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("vocab_size", [SHORT + 1, 3 * SHORT, 5 * SHORT - 1])
def test_the_softmax_of_long_rows_is_plain_cross_entropy(vocab_size, dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        output = Output(jax.random.normal(W_KEY, (H, vocab_size), dtype), jax.random.normal(B_KEY, vocab_size, dtype))
        targets = jax.random.randint(TARGET_KEY, (T, B), 0, vocab_size)
        assert_plain(softmax_nats, output, jnp.asarray(HIDDEN, dtype), targets, tolerance)


@pytest.mark.parametrize("vocab_size", [SHORT, SHORT + 1, 2 * SHORT + 1])
def test_the_largest_logit_of_a_long_row_is_found_wherever_it_is(vocab_size):
    each, another = jnp.eye(vocab_size), jnp.roll(jnp.arange(vocab_size), 1)
    nats = softmax_nats(Output(1e4 * each, jnp.zeros(vocab_size)), each[:, None], another[:, None])
    np.testing.assert_array_equal(nats, np.full((vocab_size, 1), 1e4))


@pytest.mark.parametrize("vocab_size", [SHORT, SHORT + 1])
def test_a_target_that_is_not_there_changes_no_normaliser(vocab_size):
    output = Output(jax.random.normal(W_KEY, (H, vocab_size)), jax.random.normal(B_KEY, vocab_size))
    h, column = HIDDEN.reshape(-1, H), jnp.arange(T * B)
    scored = jax.jit(score_targets)(output, h, column)
    without = jax.jit(score_targets)(output, h, column.at[2].set(vocab_size).at[3].set(-1))
    np.testing.assert_array_equal(without.normaliser, scored.normaliser)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(without.at_target)), [2, 3])


def assert_plain(way, output, h, targets, tolerance):
    """Its values and gradients are those of plain cross-entropy."""
    weights = jnp.arange(targets.size, dtype=h.dtype).reshape(targets.shape)

    def gradient(nats_of):
        def loss(output, h):
            nats = nats_of(output, h, targets)
            return jnp.sum(nats * weights), nats

        return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(output, h)

    close = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    jax.tree.map(close, gradient(way), gradient(plain_nats))


@pytest.mark.parametrize("way", [softmax_nats, partial(chunked_softmax_nats, chunk=3)])
def test_huge_logits_overflow_in_no_way(way):
    output = Output(OUTPUT.W * 1e4, OUTPUT.b)
    np.testing.assert_allclose(way(output, HIDDEN, TARGETS), plain_nats(output, HIDDEN, TARGETS), rtol=1e-5)
    gradient = jax.grad(lambda h: jnp.sum(way(output, h, TARGETS)))(HIDDEN)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("way", [softmax_nats, partial(chunked_softmax_nats, chunk=3)])
def test_in_bfloat16_every_way_rounds_alike(way):
    nats = way(OUTPUT, HIDDEN, TARGETS, precision="bfloat16")
    assert nats.dtype == jnp.float32
    np.testing.assert_allclose(nats, plain_nats(OUTPUT, HIDDEN, TARGETS, "bfloat16"), rtol=1e-5)
    db, plain = (
        jax.grad(lambda b: jnp.sum(f(OUTPUT._replace(b=b), HIDDEN, TARGETS, precision="bfloat16")))(OUTPUT.b)
        for f in (way, plain_nats)
    )
    np.testing.assert_allclose(db, plain, rtol=1e-5, atol=1e-5)


def plain_nats(output, h, targets, precision="float32"):
    """Through the same product, differentiated by JAX."""
    W, h = rounded(output.W, precision), rounded(h, precision)
    logits = jnp.einsum("tbh,hv->tbv", h, W, preferred_element_type=output.b.dtype) + output.b[None, None, :]
    return cross_entropy(logits, targets)


@pytest.mark.parametrize("bad", [-1, V, 10**6])
def test_a_target_outside_the_vocabulary_costs_nan_in_chunks_too(bad):
    nats = jax.jit(partial(chunked_softmax_nats, chunk=3))(OUTPUT, HIDDEN, TARGETS.at[1, 2].set(bad))
    assert np.argwhere(np.isnan(nats)).tolist() == [[1, 2]]


def test_a_large_vocabulary_takes_a_fraction_of_the_memory():
    shapes = Output(jnp.zeros((4, 100_000)), jnp.zeros(100_000)), jnp.zeros((32, 16, 4)), jnp.zeros((32, 16), jnp.int32)

    def planned(nats_of):
        gradient = jax.grad(lambda *arguments: jnp.sum(nats_of(*arguments)), argnums=(0, 1))
        return jax.jit(gradient).lower(*shapes).compile().memory_analysis().temp_size_in_bytes

    assert planned(token_nats) < planned(softmax_nats) / 2
    assert planned(partial(chunked_softmax_nats, chunk=1000)) < planned(softmax_nats) / 20
