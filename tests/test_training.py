from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.text.char import train_char
from charrnn_jax.text.streams import batch_at, fold_for_scoring, fold_streams
from charrnn_jax.text.texts import StringText
from charrnn_jax.training import EvalState, init_train_state, make_eval_step, make_train_step

TEXT = "Sunny days are the best days to go for a walk or have a picnic. " * 60
TOKENIZER = train_char(StringText(TEXT))
MODEL = LanguageModel(TOKENIZER.vocab_size, 8, 16, dropout=0.1)
IDS = TOKENIZER.encode(TEXT)


def window_of(streams, n):
    """Batch n as `jit` would hand it over: as JAX arrays."""
    return jax.tree.map(jnp.asarray, batch_at(streams, n))


@pytest.fixture(scope="module")
def trained():
    optimizer = optax.adam(1e-2)
    train_step = jax.jit(make_train_step(partial(score, MODEL), optimizer, jax.random.key(1)), donate_argnums=0)
    streams = fold_streams(IDS, TOKENIZER.start_id, 4, 16)

    def train():
        state = init_train_state(init_params(MODEL, jax.random.key(0)), optimizer, init_state(MODEL, 4))
        nats = []
        for n in range(2 * streams.windows):
            state, metrics = train_step(state, batch_at(streams, n))
            nats.append(float(metrics.nats))
        return state, nats

    return train(), train(), train_step


def test_the_loss_falls(trained):
    (_, nats), _, _ = trained
    assert nats[-1] < 0.5 * nats[0]


def test_equal_keys_give_equal_bits(trained):
    (state, nats), (other, other_nats), _ = trained
    assert nats == other_nats
    jax.tree.map(np.testing.assert_array_equal, state, other)


def test_one_compilation_of_the_training_step(trained):
    assert trained[2]._cache_size() == 1


@pytest.mark.parametrize(("batch_size", "length"), [(1, 64), (3, 50), (8, 17), (4, 1)])
def test_evaluation_does_not_depend_on_batch_or_window(trained, batch_size, length):
    params = trained[0][0].params
    eval_step = jax.jit(make_eval_step(partial(score, MODEL)))

    def bits(batch_size, length):
        streams = fold_for_scoring(IDS, TOKENIZER.start_id, batch_size, length, burn_in=200)
        state, total = EvalState(params, init_state(MODEL, streams.batch_size)), 0.0
        for n in range(streams.windows):
            state, nats = eval_step(state, batch_at(streams, n))
            total += float(nats.sum())
        return total / np.log(2) / len(TEXT)

    assert bits(batch_size, length) == pytest.approx(bits(1, len(IDS)), abs=1e-3)


def test_one_compilation_of_the_evaluation_step_for_texts_of_any_length(trained):
    eval_step = jax.jit(make_eval_step(partial(score, MODEL)))
    params = trained[0][0].params
    for tokens in (1, 600, len(IDS)):
        streams = fold_for_scoring(IDS[:tokens], TOKENIZER.start_id)
        state = EvalState(params, init_state(MODEL, streams.batch_size))
        for n in range(streams.windows):
            state, _ = eval_step(state, batch_at(streams, n))
    assert eval_step._cache_size() == 1


@pytest.mark.parametrize("make", ["train", "eval"])
def test_a_step_is_a_pure_function_that_ignores_what_has_no_weight(make):
    optimizer, model = optax.sgd(0.1), LanguageModel(TOKENIZER.vocab_size, 4, 6)
    params, carry = init_params(model, jax.random.key(0)), init_state(model, 2)
    if make == "train":
        step = make_train_step(partial(score, model), optimizer, jax.random.key(1))
        state = init_train_state(params, optimizer, carry)
    else:
        step, state = make_eval_step(partial(score, model)), EvalState(params, carry)
    batch = window_of(fold_streams(IDS, TOKENIZER.start_id, 2, 5), 0)
    batch = batch._replace(weights=batch.weights.at[:2].set(0.0))
    other = batch._replace(targets=jnp.where(batch.weights > 0, batch.targets, 0))
    compiled = jax.jit(step)
    once = compiled(state, batch)
    jax.tree.map(np.testing.assert_array_equal, once, compiled(state, other))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), once, step(state, batch))


def test_a_window_goes_on_from_the_state_carried_unless_it_resets():
    model = LanguageModel(TOKENIZER.vocab_size, 4, 6)
    eval_step, params = make_eval_step(partial(score, model)), init_params(model, jax.random.key(0))
    streams = fold_streams(IDS, TOKENIZER.start_id, 2, 5)
    start = EvalState(params, init_state(model, 2))
    middle, first = eval_step(start, window_of(streams, 0))
    _, second = eval_step(middle, window_of(streams, 1))
    _, whole = eval_step(start, window_of(streams._replace(length=10), 0))
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-6)
    np.testing.assert_array_equal(eval_step(middle, window_of(streams, streams.windows))[1], first)


def test_a_dropped_state_is_the_zero_state():
    """With `drop_state` 1 every window is the first: the carried state makes no difference; with 0 it does."""
    optimizer = optax.sgd(0.0)
    streams = fold_streams(IDS, TOKENIZER.start_id, 4, 16)
    params = init_params(MODEL, jax.random.key(0))
    zero = init_state(MODEL, 4)
    ones = jax.tree.map(jnp.ones_like, zero)

    def nats(drop_state, carry):
        train_step = make_train_step(partial(score, MODEL), optimizer, jax.random.key(1), drop_state)
        state = init_train_state(params, optimizer, carry)
        return float(jax.jit(train_step)(state, batch_at(streams, 1))[1].nats)

    assert nats(1.0, ones) == nats(1.0, zero)
    assert nats(0.0, ones) != nats(0.0, zero)
