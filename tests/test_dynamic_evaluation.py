from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.dynamic_evaluation import (
    init_dynamic,
    init_statistics,
    make_dynamic_step,
    make_statistics_step,
    root_mean_square,
)
from charrnn_jax.losses import cross_entropy
from charrnn_jax.model import LanguageModel, init_params, init_state, score, step
from charrnn_jax.text.streams import batch_at, fold_for_scoring
from charrnn_jax.training import EvalState, make_eval_step

V, T, N = 7, 5, 38
MODEL = LanguageModel(V, 4, 6, dropout=0.3)
PARAMS = init_params(MODEL, jax.random.key(0))
IDS = np.random.default_rng(1).integers(0, V, N).astype(np.int32)
SCORE = partial(score, MODEL)


dynamic_step = cache(lambda *rule: jax.jit(make_dynamic_step(SCORE, *rule)))
eval_step = jax.jit(make_eval_step(SCORE))


def run(ids, compiled, state, length=T):
    """Runs a step over the text: the state at the end, and the nats of each token."""
    streams, nats = fold_for_scoring(ids, 0, 1, length, burn_in=0), []
    for n in range(streams.windows):
        state, some = compiled(state, batch_at(streams, n))
        nats.append(some[:, 0])
    return state, np.concatenate(nats)[: len(ids)]


def dynamic(ids=IDS, rate=0.5, decay=0.1, rms=None, epsilon=0.01):
    return run(ids, dynamic_step(rate, decay, epsilon), init_dynamic(PARAMS, init_state(MODEL, 1), rms))


def plain(ids=IDS):
    return run(ids, eval_step, EvalState(PARAMS, init_state(MODEL, 1)))[1]


def segments(ids):
    """Inputs and targets of every segment, `[t, 1]`, the last one as short as it is."""
    before = np.concatenate([[0], ids[:-1]]).astype(np.int32)
    for start in range(0, len(ids), T):
        yield jnp.asarray(before[start : start + T, None]), jnp.asarray(ids[start : start + T, None])


@jax.jit
@partial(jax.grad, has_aux=True)
def gradient_by_hand(params, inputs, targets, carry):
    """The loss, by way of all logits; divided by T, so that a token of the last segment weighs as much as another."""
    carry, logits = step(MODEL, params, inputs, carry)
    nats = cross_entropy(logits, targets)
    return nats.sum() / T, (carry, nats[:, 0])


def by_hand(update, ids=IDS):
    """Segment by segment, one parameter array after the other."""
    names = jax.tree.structure(PARAMS)
    trained = [np.asarray(x) for x in jax.tree.leaves(PARAMS)]
    local, carry, nats = list(trained), init_state(MODEL, 1), []
    for inputs, targets in segments(ids):
        params = jax.tree.unflatten(names, map(jnp.asarray, local))
        gradient, (carry, some) = gradient_by_hand(params, inputs, targets, carry)
        gradient = [np.asarray(x) for x in jax.tree.leaves(gradient)]
        local = [update(i, *arrays) for i, arrays in enumerate(zip(local, trained, gradient, strict=True))]
        nats.append(some)
    return local, np.concatenate(nats)


def assert_same(found, expected):
    (state, nats), (local, expected_nats) = found, expected
    np.testing.assert_allclose(nats, expected_nats, atol=2e-5)
    for array, other in zip(jax.tree.leaves(state.local), local, strict=True):
        np.testing.assert_allclose(array, other, atol=2e-5)


def test_sgd_is_the_loop_by_hand():
    assert_same(dynamic(), by_hand(lambda _, now, prior, g: now - 0.5 * g + 0.1 * (prior - now)))


@pytest.mark.parametrize("decay", [0.1, 0.6])
def test_rms_is_the_loop_by_hand(decay):
    """With a decay of 0.6, the clip at 1/λ is at work."""
    roots = [np.sin(np.arange(x.size, dtype=np.float32)).reshape(x.shape) ** 2 for x in jax.tree.leaves(PARAMS)]
    average = np.concatenate([x.ravel() for x in roots]).mean()
    assert (max(x.max() for x in roots) / average > 1 / decay) == (decay == 0.6)

    def update(i, now, prior, g):
        norm = np.minimum(roots[i] / average, 1 / decay)
        return now - 0.1 * g / (roots[i] + 0.01) + decay * (prior - now) * norm

    rms = jax.tree.unflatten(jax.tree.structure(PARAMS), roots)
    assert_same(dynamic(rate=0.1, decay=decay, rms=rms), by_hand(update))


def test_the_statistics_are_the_mean_of_the_squared_gradients():
    statistics, _ = run(IDS[:30], jax.jit(make_statistics_step(SCORE)), init_statistics(PARAMS, init_state(MODEL, 1)))
    carry, squares = init_state(MODEL, 1), []
    for inputs, targets in segments(IDS[:30]):
        gradient, (carry, _) = gradient_by_hand(PARAMS, inputs, targets, carry)
        squares.append(jax.tree.map(np.square, gradient))
    expected = jax.tree.map(lambda *each: np.sqrt(np.mean(each, axis=0)), *squares)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-6), root_mean_square(statistics), expected)
    jax.tree.map(np.testing.assert_array_equal, statistics.params, PARAMS)


def test_a_rate_of_zero_gives_the_plain_nats_bit_for_bit():
    """Of a model whose nats are others in the last bit where a gradient is worked out with them."""
    model = LanguageModel(3000, 64, 128, 2)
    params, carry = init_params(model, jax.random.key(2)), init_state(model, 1)
    ids = np.random.default_rng(3).integers(0, 3000, 400).astype(np.int32)
    nats_of = partial(score, model)
    state, nats = run(ids, jax.jit(make_dynamic_step(nats_of, 0.0, 0.1)), init_dynamic(params, carry), 20)
    _, others = run(ids, jax.jit(make_eval_step(nats_of)), EvalState(params, carry), 20)
    np.testing.assert_array_equal(nats, others)
    jax.tree.map(np.testing.assert_array_equal, state.local, params)


def test_the_smallest_rate_is_next_to_none():
    np.testing.assert_allclose(dynamic(rate=1e-8)[1], plain(), atol=1e-5)


def test_any_other_rate_is_heard_behind_the_first_segment():
    _, nats = dynamic()
    np.testing.assert_array_equal(nats[:T], plain()[:T])
    assert (nats[T:] != plain()[T:]).all()


@pytest.mark.parametrize("at", [0, 7, 23, N - 1])
def test_no_nat_depends_on_a_later_token(at):
    other = IDS.copy()
    other[at] = (other[at] + 1) % V
    nats, others = dynamic()[1], dynamic(other)[1]
    np.testing.assert_array_equal(nats[:at], others[:at])
    assert (nats[at:] != others[at:]).all()


def test_what_has_no_weight_teaches_nothing():
    state = init_dynamic(PARAMS, init_state(MODEL, 1))
    compiled = dynamic_step(0.5, 0.1, 0.01)
    batch = batch_at(fold_for_scoring(IDS, 0, 1, T, burn_in=0), 0)
    batch = batch._replace(weights=np.float32([0, 0, 1, 1, 1])[:, None])
    other = batch._replace(targets=np.where(batch.weights > 0, batch.targets, 0).astype(np.int32))
    jax.tree.map(np.testing.assert_array_equal, compiled(state, batch), compiled(state, other))


def test_it_learns_a_text_that_repeats_itself():
    ids = np.tile(IDS[:6], 80)
    assert dynamic(ids)[1][-30:].mean() < plain(ids)[-30:].mean() - 0.3
    assert dynamic(ids, decay=0.0)[1][-30:].mean() < 0.3 * plain(ids)[-30:].mean()  # nothing holds it back


def test_one_compilation_for_the_whole_text():
    compiled = jax.jit(make_dynamic_step(SCORE, 0.4, 0.1))
    run(IDS, compiled, init_dynamic(PARAMS, init_state(MODEL, 1)))
    assert compiled._cache_size() == 1
