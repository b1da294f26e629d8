from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from charrnn_jax.cells import CELLS
from charrnn_jax.model import LanguageModel, init_params, init_state, penalised_score
from charrnn_jax.noise import Rates
from charrnn_jax.optimisers import averaged, begin_averaging, clip_by_norm, scale_by_share
from charrnn_jax.padding import held
from charrnn_jax.parallel import layout, mesh_of, place, spread_gradient
from charrnn_jax.text.streams import NO_TOKEN, batch_at, fold_streams, with_drawn_lengths
from charrnn_jax.training import Metrics, init_train_state, make_gradient, make_train_step

V, E, H, B, USUAL, RATE = 9, 5, 6, 4, 8, 0.5
IDS = np.random.default_rng(0).integers(0, V, 119).astype(np.int32)
STREAMS = with_drawn_lengths(fold_streams(IDS, 0, B, USUAL), 1, steps=10)
KEY = jax.random.key(1)
PENALTIES = {"activation": 2.0, "temporal_activation": 1.0, "label_smoothing": 0.1}
NOISE = {"locked": True, "embedding_dropout": 0.2, "weight_drop": 0.3}  # of which no mask has an axis of time
CLIP = clip_by_norm(0.25)
RULES = {
    "sgd": lambda rate, *after: optax.chain(CLIP, optax.sgd(rate), *after),
    "adam": lambda rate, *after: optax.chain(CLIP, optax.adam(rate, eps=1e-3), *after),
    "averaged": lambda rate, *after: averaged(optax.chain(CLIP, optax.sgd(rate), *after)),
}


def begun(model, rule):
    optimizer = RULES[rule](RATE, scale_by_share())
    state = init_train_state(init_params(model, jax.random.key(0)), optimizer, init_state(model, B))
    if rule == "averaged":
        state = state._replace(opt_state=begin_averaging(state.opt_state, state.params))
    return optimizer, state


def by_hand(gradient_of, rule, state, n):
    """Step n on an array of the window's own length, the learning rate scaled: all that comes of it."""
    length, batch = int(STREAMS.drawn.length[n]), batch_at(STREAMS, n)
    batch = batch._replace(**{name: getattr(batch, name)[:length] for name in ("inputs", "targets", "weights")})
    gradient, (total, scored), carry = gradient_of(state.params, state.carry, batch, jax.random.fold_in(KEY, n))
    before = state.opt_state
    before = before._replace(inner=before.inner[:-1]) if rule == "averaged" else before[:-1]
    with jax.numpy_dtype_promotion("standard"):
        updates, after = RULES[rule](RATE * length / USUAL).update(gradient, before, state.params)
    reported = Metrics(total / scored, optax.tree.norm(gradient))
    return optax.apply_updates(state.params, updates), after, carry, reported


def same(one, other):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), one, other)


def test_the_windows_are_of_many_lengths_and_of_more_than_two_passes():
    assert len(set(STREAMS.drawn.length.tolist())) > 5
    assert (STREAMS.drawn.begin == 0).sum() > 2


@pytest.fixture(scope="module")
def noisy():
    model = LanguageModel(V, E, H, 2, dropout=0.3, rates=Rates(**PENALTIES, **NOISE))
    return model, jax.jit(make_gradient(partial(penalised_score, model), B, 0.0))


@pytest.mark.parametrize("rule", RULES)
def test_padded_windows_train_as_windows_of_their_own_length_do(noisy, rule):
    """Loss, gradient, carry, parameters and their mean, step by step; compiled once."""
    model, gradient_of = noisy
    optimizer, state = begun(model, rule)
    score = partial(penalised_score, model.clone(padded=True))
    compiled = jax.jit(make_train_step(score, optimizer, KEY, usual=USUAL))
    for n in range(len(STREAMS.drawn.begin)):
        params, opt_state, carry, reported = by_hand(gradient_of, rule, state, n)
        state, metrics = compiled(state, batch_at(STREAMS, n))
        same((state.params, state.carry, metrics), (params, carry, reported))
    if rule == "averaged":
        same(state.opt_state.mean, opt_state.mean)
    assert compiled._cache_size() == 1


def test_two_devices_train_on_padded_windows_as_one_does_on_short_ones():
    model = LanguageModel(V, E, H, 1, "gru", rates=Rates(**PENALTIES))
    gradient_of = jax.jit(make_gradient(partial(penalised_score, model), B, 0.0))
    optimizer, state = begun(model, "sgd")
    mesh = mesh_of(jax.devices()[:2], B)
    spread = partial(spread_gradient, mesh=mesh)
    step = make_train_step(partial(penalised_score, model.clone(padded=True)), optimizer, KEY, 0.0, spread, USUAL)
    step, expected = jax.jit(step, out_shardings=(layout(state, mesh), None)), state
    state = place(state, mesh)
    for n in range(6):
        params, _, carry, _ = by_hand(gradient_of, "sgd", expected, n)
        expected = expected._replace(params=params, carry=carry)
        state, _ = step(state, batch_at(STREAMS, n))
        same((state.params, state.carry), (params, carry))


@pytest.mark.parametrize("mode", ["lookup", "one_hot", "direct"])
def test_what_is_padding_changes_nothing(mode):
    model = LanguageModel(V, E, H, 1, input_mode=mode, rates=Rates(**PENALTIES), padded=True)
    params, state = init_params(model, jax.random.key(0)), init_state(model, B)
    batch = jax.tree.map(jnp.asarray, batch_at(STREAMS, 0))
    padding = batch.inputs == NO_TOKEN
    assert padding.any()

    def trained_on(batch):
        step = make_train_step(partial(penalised_score, model), optax.sgd(RATE), KEY)
        return jax.jit(step)(init_train_state(params, optax.sgd(RATE), state), batch)

    expected = trained_on(batch)
    others = batch._replace(targets=jnp.where(padding, 0, batch.targets), inputs=jnp.where(padding, -7, batch.inputs))
    jax.tree.map(np.testing.assert_array_equal, trained_on(others), expected)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(expected))


def test_a_model_that_may_have_padding_and_has_none_is_the_plain_one():
    plain = LanguageModel(V, E, H, 2, rates=Rates(zoneout_hidden=0.3, zoneout_cell=0.2, **PENALTIES))
    params, batch = init_params(plain, jax.random.key(0)), batch_at(fold_streams(IDS, 0, B, USUAL), 0)

    def outcome(model):
        arguments = params, batch.inputs, batch.targets, init_state(model, B), KEY
        return jax.jit(partial(penalised_score, model))(*arguments)

    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), outcome(plain.clone(padded=True)), outcome(plain))


def test_padding_is_held_and_the_rest_is_left_to_zoneout():
    state = CELLS["lstm"].init(B, H)
    padding = jnp.arange(3)[:, None] >= jnp.array([1, 2, 3, 3])[None, :]
    alone = held(padding, None, state)
    zoned = type(state)(jnp.full((3, B, H), 0.25), jnp.full((3, 1, 1), 0.5))
    both = held(padding, zoned, state)
    for kept, rate in zip((*alone, *both), (0, 0, 0.25, 0.5), strict=True):
        expected = np.where(padding, 1, rate)[:, :, None]
        np.testing.assert_array_equal(kept, np.broadcast_to(expected, kept.shape))
