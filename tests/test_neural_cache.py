from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.losses import cross_entropy
from charrnn_jax.model import LanguageModel, init_params, init_state, score, step
from charrnn_jax.neural_cache import (
    CachedState,
    Seen,
    init_cache,
    log_cache,
    make_cache_step,
    make_cached_step,
    read,
    store,
)
from charrnn_jax.text.streams import batch_at, fold_for_scoring
from charrnn_jax.training import EvalState, make_eval_step

V, H, B, N = 5, 4, 2, 23
THETA, WEIGHT = 0.7, 0.3
DRAW = np.random.default_rng(0)
HIDDEN = DRAW.normal(size=(N, B, H)).astype(np.float32)
TARGETS = DRAW.integers(0, V, (N, B)).astype(np.int32)
LOGITS = DRAW.normal(size=(N, B, V)).astype(np.float32)
NATS = np.asarray(cross_entropy(jnp.asarray(LOGITS), jnp.asarray(TARGETS)))


@cache
def scanned(theta, weight):
    return jax.jit(lambda cache, seen: jax.lax.scan(make_cache_step(theta, weight), cache, seen))


def interpolated(window, theta=THETA, weight=WEIGHT, hidden=HIDDEN, targets=TARGETS, nats=NATS):
    seen = Seen(*map(jnp.asarray, (hidden, targets, nats)))
    return scanned(theta, weight)(init_cache(window, targets.shape[1], hidden.shape[2]), seen)[1]


def brute_force(window, theta=THETA, weight=WEIGHT):
    """The probability of every token of the vocabulary at every step, `[N, B, V]`: sums over all pairs, one by one."""
    p = np.exp(LOGITS.astype(np.float64))
    p /= p.sum(axis=-1, keepdims=True)
    for b in range(B):
        for t in range(1, N):
            p_cache = np.zeros(V)
            for i in range(max(0, t - window), t):
                p_cache[TARGETS[i, b]] += np.exp(theta * (HIDDEN[t, b].astype(np.float64) @ HIDDEN[i, b]))
            p[t, b] = (1 - weight) * p[t, b] + weight * p_cache / p_cache.sum()
    return p


@pytest.mark.parametrize("window", [1, 6, N, 40])
def test_the_nats_are_those_of_the_double_loop(window):
    p = np.take_along_axis(brute_force(window), TARGETS[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(interpolated(window), -np.log(p), atol=1e-5)


@pytest.mark.parametrize(("theta", "weight"), [(0.0, 0.5), (3.0, 0.999), (40.0, 0.1)])
def test_from_a_flat_cache_to_a_sharp_one(theta, weight):
    """With θ = 0 the cache counts: a unigram of the window."""
    p = np.take_along_axis(brute_force(6, theta, weight), TARGETS[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(interpolated(6, theta, weight), -np.log(p), rtol=1e-4, atol=1e-5)


def test_the_probabilities_sum_to_one_over_the_vocabulary():
    """At every step from the empty cache to the full one, whichever token is asked for."""
    cache_step, cache = jax.jit(make_cache_step(THETA, WEIGHT)), init_cache(6, B, H)
    for t in range(N):
        total = np.zeros(B)
        for w in range(V):
            asked = jnp.full(B, w, jnp.int32)
            nats = cross_entropy(jnp.asarray(LOGITS[t : t + 1]), asked[None, :])[0]
            total += np.exp(-cache_step(cache, Seen(jnp.asarray(HIDDEN[t]), asked, nats))[1])
        np.testing.assert_allclose(total, 1.0, atol=1e-6)
        cache = store(cache, jnp.asarray(HIDDEN[t]), jnp.asarray(TARGETS[t]))


def test_a_weight_of_zero_gives_the_plain_nats_bit_for_bit():
    for scale in (1e-6, 1.0, 1e4):
        nats = (NATS * scale).astype(np.float32)
        np.testing.assert_array_equal(interpolated(6, weight=0.0, nats=nats), nats)


def test_a_token_that_is_not_in_the_cache_and_hidden_states_that_are_large():
    """Neither gives NaN or infinity: products of 10⁸ are far beyond what `exp` knows."""
    targets = np.arange(N, dtype=np.int32)[:, None] % V
    nats = interpolated(2, hidden=1e4 * HIDDEN[:, :1], targets=targets, nats=NATS[:, :1])
    np.testing.assert_allclose(nats[1:], NATS[1:, :1] - np.log1p(-WEIGHT), rtol=1e-5)
    empty = init_cache(3, B, H)
    assert (log_cache(empty, jnp.asarray(HIDDEN[0]), jnp.asarray(TARGETS[0]), THETA) == -jnp.inf).all()


def test_a_nat_depends_on_the_hidden_states_of_its_window_and_on_no_other():
    heard = np.abs(jax.jacrev(lambda h: interpolated(6, hidden=h).sum(axis=1))(jnp.asarray(HIDDEN))).max(axis=(2, 3))
    for at in (4, 9, N - 1):
        assert list(np.flatnonzero(heard[at])) == list(range(max(0, at - 6), at + 1))


def test_streams_have_caches_of_their_own():
    alone = interpolated(6, hidden=HIDDEN[:, 1:], targets=TARGETS[:, 1:], nats=NATS[:, 1:])
    np.testing.assert_allclose(interpolated(6)[:, 1:], alone, atol=1e-6)


MODEL = LanguageModel(V, 3, H, 2, dropout=0.3)
PARAMS = init_params(MODEL, jax.random.key(0))
IDS = TARGETS[:, 0]


def evaluated(compiled, state, ids=IDS, passes=1, length=4):
    streams, nats = fold_for_scoring(ids, 0, 1, length, burn_in=0), []
    for n in range(passes * streams.windows):
        state, some = compiled(state, batch_at(streams, n))
        nats.append(some[:, 0])
    return np.concatenate(nats).reshape(passes, -1)[:, : len(ids)]


@cache
def cached_step(model, theta, weight):
    return jax.jit(make_cached_step(partial(read, model), theta, weight))


def cached(weight=WEIGHT, model=MODEL, params=PARAMS, **reading):
    state = CachedState(params, init_state(model, 1), init_cache(6, 1, model.hidden_size))
    return evaluated(cached_step(model, THETA, weight), state, **reading)


def test_a_text_in_windows_is_the_text_as_a_whole():
    inputs = jnp.asarray(np.concatenate([[0], IDS[:-1]]).astype(np.int32)[:, None])
    _, hidden = MODEL.apply({"params": PARAMS}, inputs, init_state(MODEL, 1))
    _, logits = step(MODEL, PARAMS, inputs, init_state(MODEL, 1))
    nats = cross_entropy(logits, jnp.asarray(IDS[:, None]))
    whole = interpolated(6, hidden=hidden, targets=IDS[:, None], nats=nats)
    np.testing.assert_allclose(cached()[0], whole[:, 0], atol=1e-5)
    np.testing.assert_allclose(cached(length=N)[0], whole[:, 0], atol=1e-5)


@pytest.mark.parametrize("at", [0, 9, N - 1])
def test_no_nat_depends_on_a_later_token(at):
    other = IDS.copy()
    other[at] = (other[at] + 1) % V
    nats, others = cached()[0], cached(ids=other)[0]
    np.testing.assert_array_equal(nats[:at], others[:at])
    assert (nats[at:] != others[at:]).all()


def test_another_pass_begins_with_an_empty_cache():
    first, second = cached(passes=2)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("tied", [False, True])
def test_with_a_weight_of_zero_evaluation_is_the_plain_one_bit_for_bit(tied):
    model = LanguageModel(V, 16, 16, 2, tied=tied)
    params = init_params(model, jax.random.key(1))
    plain = evaluated(jax.jit(make_eval_step(partial(score, model))), EvalState(params, init_state(model, 1)))
    np.testing.assert_array_equal(cached(0.0, model, params), plain)
    assert (cached(WEIGHT, model, params)[0, 1:] != plain[0, 1:]).all()
