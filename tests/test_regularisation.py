import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.losses import Output, cross_entropy, linear
from charrnn_jax.regularisation import (
    activation_penalty,
    bernoulli,
    drop_connect,
    dropout,
    embedding_dropout,
    locked_dropout,
    smoothing_penalty,
    temporal_penalty,
    zoneout,
)

RATE = 0.3
X = jnp.full((40, 50, 60), 2.0)
FLAT = X[0]
MASKED = {
    "dropout": (dropout, X, X.shape),
    "locked_dropout": (locked_dropout, X, (1, 50, 60)),
    "embedding_dropout": (embedding_dropout, FLAT, (50, 1)),
    "drop_connect": (drop_connect, FLAT, FLAT.shape),
}


@pytest.mark.parametrize("name", MASKED)
def test_the_expectation_stays_and_a_mask_has_the_shape_it_should(name):
    function, x, shape = MASKED[name]
    draws = np.stack([function(jax.random.key(n), RATE, x) for n in range(40)])
    cells = 40 * np.prod(shape)  # independent draws of a mask
    assert (draws == 0).mean() == pytest.approx(RATE, abs=4 * np.sqrt(RATE * (1 - RATE) / cells))
    assert draws.mean() == pytest.approx(2.0, abs=4 * 2 * np.sqrt(RATE / (1 - RATE) / cells))
    drawn = round((1 - RATE) * 2**16) / 2**16  # the share that 16 bits can draw
    np.testing.assert_allclose(draws[draws != 0], 2 / drawn, rtol=1e-7)
    mask = draws[0] == 0
    whole = tuple(slice(0, size) for size in shape)
    np.testing.assert_array_equal(mask, np.broadcast_to(mask[whole], mask.shape))
    assert len(np.unique(mask.mean(axis=tuple(range(mask.ndim - 1))))) > 1 or shape[-1] == 1


@pytest.mark.parametrize("name", MASKED)
def test_a_mask_at_zero_leaves_every_bit(name):
    function, x, _ = MASKED[name]
    x = jax.random.normal(jax.random.key(0), x.shape).at[0].set(-0.0)
    assert np.asarray(function(jax.random.key(1), 0.0, x)).tobytes() == np.asarray(x).tobytes()


def test_the_others_at_zero_are_nothing():
    h, key = jax.random.normal(jax.random.key(0), (5, 3, 4)), jax.random.key(1)
    output = Output(jax.random.normal(key, (4, 7)), jnp.zeros(7))
    targets = jnp.ones((5, 3), jnp.int32)
    nothing = [zoneout(key, 0.0, 5, 3, 4), zoneout(None, 0.0, 5, 3, 4), smoothing_penalty(0.0, output, h, targets)]
    for each in (*nothing, activation_penalty(0.0, h), temporal_penalty(0.0, h)):
        np.testing.assert_array_equal(each, jnp.zeros_like(each))


@pytest.mark.parametrize("probability", [0.0, 0.25, 0.8, 1.0])
def test_draws_have_their_probability_and_do_not_know_of_each_other(probability):
    drawn = np.asarray(bernoulli(jax.random.key(1), probability, (301, 333))).astype(float)  # an odd number
    deviation = np.sqrt(probability * (1 - probability) / drawn.size)
    assert drawn.mean() == pytest.approx(probability, abs=4 * deviation)
    flat = drawn.ravel() - drawn.mean()
    for apart in (1, 2, 333):  # the two of one random word, two words, two rows
        assert np.mean(flat[apart:] * flat[:-apart]) == pytest.approx(0.0, abs=4 * deviation)


def test_zoneout_keeps_all_or_nothing_of_a_unit_and_its_rate_without_a_key():
    drawn = zoneout(jax.random.key(0), RATE, 40, 50, 60)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(RATE, abs=0.01)
    np.testing.assert_array_equal(zoneout(None, RATE, 4, 5, 6), jnp.full((4, 1, 1), RATE))


def test_label_smoothing_is_the_cross_entropy_of_a_smoothed_target():
    T, B, H, V = 3, 2, 4, 7
    h, W = jax.random.normal(jax.random.key(0), (T, B, H)), jax.random.normal(jax.random.key(1), (H, V))
    output = Output(W, jax.random.normal(jax.random.key(2), (V,)))
    targets = jax.random.randint(jax.random.key(3), (T, B), 0, V)
    logits = linear(output, h)
    smoothed = (1 - RATE) * jax.nn.one_hot(targets, V) + RATE / V
    expected = -jnp.sum(smoothed * jax.nn.log_softmax(logits), axis=-1)
    penalty = smoothing_penalty(RATE, output, h, targets)
    np.testing.assert_allclose(cross_entropy(logits, targets) + penalty, expected, rtol=1e-5)


def test_activation_penalties_are_the_means_of_squares():
    h = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    alpha, beta = activation_penalty(2.0, jnp.asarray(h)), temporal_penalty(1.5, jnp.asarray(h))
    assert alpha.mean() == pytest.approx(2.0 * np.mean(h**2), rel=1e-5)
    assert beta.mean() == pytest.approx(1.5 * np.mean((h[1:] - h[:-1]) ** 2), rel=1e-5)
    assert (temporal_penalty(1.5, jnp.asarray(h[:1])) == 0).all()
