from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from charrnn_jax import parallel
from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.parallel import layout, mesh_of, place, spread_evaluation, spread_gradient
from charrnn_jax.text.streams import batch_at, fold_for_scoring, fold_streams
from charrnn_jax.training import EvalState, init_train_state, make_eval_step, make_train_step

IDS = np.random.default_rng(0).integers(0, 11, 401).astype(np.int32)
MODEL = LanguageModel(11, 4, 6, num_layers=2, cell="gru")
PARAMS = init_params(MODEL, jax.random.key(0))


@pytest.mark.parametrize(("batch_size", "devices"), [(4, 2), (6, 2), (5, 1), (1, 1)])
def test_streams_are_shared_evenly(batch_size, devices):
    assert mesh_of(jax.devices(), batch_size).size == devices


def trained(devices):
    """Losses and parameters after twenty steps, the last window of each pass padded."""
    optimizer = optax.adam(1e-2)
    mesh = mesh_of(jax.devices()[:devices], 4)
    assert mesh.size == devices
    spread = partial(spread_gradient, mesh=mesh)
    params = jax.tree.map(jnp.copy, PARAMS)  # a step takes what it is given
    state = place(init_train_state(params, optimizer, init_state(MODEL, 4)), mesh)
    step = make_train_step(partial(score, MODEL), optimizer, jax.random.key(1), 0.0, spread)
    step = jax.jit(step, donate_argnums=0, out_shardings=(layout(state, mesh), None))
    streams, metrics = fold_streams(IDS, 0, 4, 16), []
    for n in range(20):
        state, reported = step(state, batch_at(streams, n))
        metrics.append(jax.tree.map(float, reported))
    return state, metrics, step


@pytest.mark.parametrize("large", [2, parallel.LARGE])
def test_two_devices_train_as_one(monkeypatch, large):
    monkeypatch.setattr(parallel, "LARGE", large)
    (one, reported, _), (two, reported_by_two, step) = trained(1), trained(2)
    np.testing.assert_allclose(reported_by_two, reported, rtol=1e-5)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), two.params, one.params)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), two.carry, one.carry)
    assert step._cache_size() == 1
    shared = [x for x in jax.tree.leaves(two.opt_state) if not x.sharding.is_fully_replicated]
    assert all(x.shape[0] % 2 == 0 for x in shared)
    assert bool(shared) == (large == 2), "what is large is shared out by rows, and only that"
    assert all(x.sharding.is_fully_replicated for x in jax.tree.leaves(two.params))


def test_two_devices_score_as_one():
    def nats(devices):
        mesh = mesh_of(jax.devices()[:devices], 4)
        step = jax.jit(spread_evaluation(make_eval_step(partial(score, MODEL)), mesh))
        state = place(EvalState(PARAMS, init_state(MODEL, 4)), mesh)
        streams, scored = fold_for_scoring(IDS, 0, 4, 16, 32), []
        for n in range(streams.windows):
            state, some = step(state, batch_at(streams, n))
            scored.append(some)
        return np.concatenate(scored)

    np.testing.assert_allclose(nats(2), nats(1), rtol=1e-5)
