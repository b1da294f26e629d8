from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn_jax.model import LanguageModel, folded, init_params, init_state, step
from charrnn_jax.sampling import Filters, categorical, draw, generate, inverse_cdf, keep_min_p, keep_top_k, keep_top_p

LOGITS = jnp.log(jnp.array([[0.1, 0.5, 0.15, 0.25]]))


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (keep_top_k(LOGITS, 2), [1, 3]),
        (keep_top_k(LOGITS, 9), [0, 1, 2, 3]),
        (keep_top_p(LOGITS, 0.6), [1, 3]),
        (keep_top_p(LOGITS, 1e-9), [1]),
        (keep_min_p(LOGITS, 0.4), [1, 3]),
    ],
)
def test_filters_keep_what_their_papers_say(kept, expected):
    assert np.flatnonzero(np.isfinite(kept[0])).tolist() == expected


def test_drawing_follows_the_distribution():
    drawn = draw(jax.random.key(0), jnp.repeat(LOGITS, 20_000, axis=0), Filters())
    share = np.bincount(np.asarray(drawn), minlength=4) / 20_000
    np.testing.assert_allclose(share, np.exp(LOGITS[0]), atol=0.012)


def test_temperature_sharpens():
    drawn = draw(jax.random.key(0), jnp.repeat(LOGITS, 5_000, axis=0), Filters(temperature=0.5))
    squared = np.exp(2 * LOGITS[0]) / np.exp(2 * LOGITS[0]).sum()
    np.testing.assert_allclose(np.bincount(np.asarray(drawn), minlength=4) / 5_000, squared, atol=0.025)


def test_greedy_generation_is_the_argmax_of_the_teacher_forced_model():
    model = LanguageModel(11, 6, 8)
    params = init_params(model, jax.random.key(0))
    prompt = jnp.array([[1, 2], [3, 4], [5, 6]])
    step_of = partial(step, model)
    written = generate(step_of, params, init_state(model, 2), prompt, jax.random.key(1), 7, Filters(temperature=0.0))
    whole = jnp.concatenate([prompt, written])
    _, logits = step_of(params, whole, init_state(model, 2))
    np.testing.assert_array_equal(written, jnp.argmax(logits, axis=-1)[2:-1])


def test_equal_keys_write_equal_texts():
    model = LanguageModel(11, 6, 8)
    params = init_params(model, jax.random.key(0))
    prompt = jnp.zeros((1, 3), jnp.int32)

    def write(seed):
        return generate(
            partial(step, model), params, init_state(model, 3), prompt, jax.random.key(seed), 20, Filters(top_p=0.9)
        )

    np.testing.assert_array_equal(write(0), write(0))
    assert (write(0) != write(1)).any()


def test_two_levels_follow_the_distribution_of_many_tokens():
    logits = 3 * jax.random.normal(jax.random.key(1), (1, 30))
    drawn = draw(jax.random.key(0), jnp.repeat(logits, 50_000, axis=0), Filters())
    share = np.bincount(np.asarray(drawn), minlength=30) / 50_000
    np.testing.assert_allclose(share, jax.nn.softmax(logits[0]), atol=0.01)


@pytest.mark.parametrize("V", [1, 2, 9, 10, 97])
def test_the_only_possible_token_is_drawn(V):
    logits = jnp.where(jnp.eye(V, dtype=bool), 0.0, -jnp.inf)
    np.testing.assert_array_equal(categorical(jax.random.key(V), logits), np.arange(V))


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=12, max_size=12).filter(any), st.integers(0, 999))
def test_inverse_cdf_is_the_index_of_the_first_sum_above_it(weights, thousandths):
    u = np.float32(thousandths / 1000)
    sums = np.cumsum(weights)
    expected = np.searchsorted(sums, u * np.float32(sums[-1]), side="right")
    assert inverse_cdf(jnp.array([u]), jnp.array([weights], jnp.float32))[0] == expected


@pytest.mark.parametrize("cell", ["lstm", "gru", "mogrifier"])
def test_a_folded_embedding_writes_the_same(cell):
    model = LanguageModel(11, 8, 8, 2, cell)
    params, prompt = init_params(model, jax.random.key(0)), jnp.zeros((2, 3), jnp.int32)
    ready = folded(model, params, 12)
    assert ("projected" in ready) == (cell != "mogrifier")  # its input has a gate of its own
    assert folded(model, params, 11) is params
    plain, ids = (
        generate(partial(step, model), some, init_state(model, 3), prompt, jax.random.key(1), 20, Filters())
        for some in (params, ready)
    )
    np.testing.assert_array_equal(ids, plain)
