from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from charrnn_jax.accumulation import accumulated
from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.parallel import layout, mesh_of, place, spread_gradient
from charrnn_jax.text.streams import batch_at, fold_streams
from charrnn_jax.training import init_train_state, make_gradient, make_train_step

IDS = np.random.default_rng(0).integers(0, 11, 401).astype(np.int32)
MODEL = LanguageModel(11, 4, 6, cell="elman")
PARAMS = init_params(MODEL, jax.random.key(0))
STREAMS = fold_streams(IDS, 0, 8, 16)


@cache
def trained(parts, devices):
    """Ten steps, three passes: the last window of each is padded, and more so in the last stream."""
    optimizer, mesh = optax.adam(1e-2), mesh_of(jax.devices()[:devices], 8 // parts)
    assert mesh.size == devices

    def spread(gradient_of):
        return spread_gradient(accumulated(gradient_of, parts), mesh)

    state = place(init_train_state(jax.tree.map(jnp.copy, PARAMS), optimizer, init_state(MODEL, 8)), mesh)
    step = make_train_step(partial(score, MODEL), optimizer, jax.random.key(1), 0.0, spread)
    step = jax.jit(step, donate_argnums=0, out_shardings=(layout(state, mesh), None))
    metrics = []
    for n in range(10):
        state, reported = step(state, batch_at(STREAMS, n))
        metrics.append(jax.tree.map(float, reported))
    assert step._cache_size() == 1
    return metrics, state.params, state.carry


@pytest.mark.parametrize(("parts", "devices"), [(8, 1), (4, 2)])
def test_parts_train_as_the_whole_batch(parts, devices):
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
    jax.tree.map(close, trained(parts, devices), trained(1, 1))


def test_the_last_window_is_padded():
    weights = batch_at(STREAMS, STREAMS.windows - 1).weights
    assert 0 < weights.mean() < 1
    assert len(set(weights.sum(axis=0))) > 1, "and not evenly"


def test_every_stream_goes_on_from_its_own_state():
    gradient_of = make_gradient(partial(score, MODEL), 8, 0.0)
    batch, key = batch_at(STREAMS, 1), jax.random.key(0)
    before = jax.tree.map(lambda x: jax.random.normal(key, x.shape), init_state(MODEL, 8))
    whole, parts = (jax.jit(each)(PARAMS, before, batch, key) for each in (gradient_of, accumulated(gradient_of, 4)))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), parts, whole)


def test_parts_draw_noise_of_their_own():
    """Streams that read the same would otherwise come to the same nats in every part."""
    model = LanguageModel(11, 4, 6, dropout=0.5, cell="elman")

    def gradient_of(params, carry, batch, key):
        carry, nats = score(model, params, batch.inputs, batch.targets, carry, key)
        return params, (jnp.sum(nats), jnp.sum(batch.weights)), jax.tree.map(lambda x: x + nats.sum(), carry)

    same = batch_at(STREAMS, 0)._replace(inputs=np.ones((16, 8), np.int32), targets=np.ones((16, 8), np.int32))
    params = init_params(model, jax.random.key(0))
    *_, carry = jax.jit(accumulated(gradient_of, 4))(params, init_state(model, 8), same, jax.random.key(0))
    assert len(np.unique(carry[0].h[::2, 0])) == 4


def test_a_part_is_all_that_is_in_memory():
    model = LanguageModel(11, 32, 64, cell="elman")
    params, batch = init_params(model, jax.random.key(0)), batch_at(fold_streams(np.resize(IDS, 2048), 0, 64, 32), 0)

    def planned(parts):
        gradient_of = accumulated(make_gradient(partial(score, model), 64, 0.0), parts)
        lowered = jax.jit(gradient_of).lower(params, init_state(model, 64), batch, jax.random.key(0))
        return lowered.compile().memory_analysis().temp_size_in_bytes

    assert planned(8) < planned(1) / 3
