from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec as P

from charrnn_jax import parallel
from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.noise import Rates, noise
from charrnn_jax.outputs import Softmax
from charrnn_jax.parallel import layout, mesh_of, padded, place, spread_evaluation, spread_gradient, whole
from charrnn_jax.sharded_vocabulary import VOCAB
from charrnn_jax.text.streams import batch_at, fold_for_scoring, fold_streams
from charrnn_jax.training import EvalState, init_train_state, make_eval_step, make_train_step

V, B = 11, 8
IDS = np.random.default_rng(0).integers(0, V, 401).astype(np.int32)
STREAMS = fold_streams(IDS, 0, B, 16)
MESHES = [(2, 1), (8, 1), (1, 2), (1, 8), (2, 4), (4, 2), (2, 3)]
"""Devices for the streams, and for the vocabulary: eleven words, which no number but one divides."""


@pytest.mark.parametrize(("batch_size", "vocab", "devices"), [(4, 1, 4), (6, 1, 6), (5, 1, 5), (1, 1, 1), (6, 2, 6)])
def test_streams_are_shared_evenly(batch_size, vocab, devices):
    assert mesh_of(jax.devices(), batch_size, vocab).size == devices


def mesh_with(data, vocab):
    mesh = mesh_of(jax.devices()[: data * vocab], B, vocab)
    assert mesh.shape == {"data": data, "vocab": vocab}
    return mesh


@cache
def trained(data, vocab, tied=False, precision="float32", steps=100, large=parallel.LARGE):
    """Losses and norms of gradients, the state in the end, and the step; the last window of each pass is padded."""
    model = LanguageModel(V, 6, 6, cell="elman", tied=tied, precision=precision)
    optimizer, mesh = optax.adam(3e-3), mesh_with(data, vocab)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parallel, "LARGE", large)
        params = init_params(model, jax.random.key(0))
        state = place(init_train_state(params, optimizer, init_state(model, B)), mesh)
        nats_of = partial(score, model.clone(shards=vocab))
        spread = partial(spread_gradient, mesh=mesh)
        step = make_train_step(nats_of, optimizer, jax.random.key(1), 0.0, spread)
        step = jax.jit(step, donate_argnums=0, out_shardings=(layout(state, mesh), None))
        metrics = []
        for n in range(steps):
            state, reported = step(state, batch_at(STREAMS, n))
            metrics.append(jax.tree.map(float, reported))
    return np.array(metrics), state, step


@pytest.mark.parametrize(("data", "vocab", "tied"), [*((*mesh, False) for mesh in MESHES), (1, 8, True), (4, 2, True)])
def test_every_mesh_trains_as_one_device(data, vocab, tied):
    (ours, state, step), (alone, one, _) = trained(data, vocab, tied), trained(1, 1, tied)
    np.testing.assert_allclose(ours[:, 0], alone[:, 0], rtol=1e-5)
    np.testing.assert_allclose(ours[:, 1], alone[:, 1], rtol=1e-3)
    close = partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4)
    jax.tree.map(close, whole(state, V)._replace(opt_state=()), one._replace(opt_state=()))
    assert step._cache_size() == 1


@pytest.mark.parametrize(("data", "vocab"), [(4, 2), (1, 8)])
def test_every_mesh_trains_as_one_device_in_bfloat16(data, vocab):
    (ours, *_), (alone, *_) = trained(data, vocab, precision="bfloat16"), trained(1, 1, precision="bfloat16")
    np.testing.assert_allclose(ours[:, 0], alone[:, 0], rtol=1e-3)


@pytest.mark.parametrize(("data", "vocab"), [(2, 1), (2, 4)])
def test_what_the_optimiser_remembers_of_large_arrays_is_shared_out(data, vocab):
    (ours, state, _), (alone, *_) = trained(data, vocab, steps=20, large=2), trained(1, 1, steps=20)
    np.testing.assert_allclose(ours[:, 0], alone[:, 0], rtol=1e-5)
    adam = state.opt_state[0]
    here, now = ([x.addressable_shards[0].data.size for x in jax.tree.leaves(tree)] for tree in (adam.mu, state.params))
    assert {whole // part for whole, part in zip(now, here, strict=True)} == {1, data}
    assert adam.mu["embedding"].sharding.spec[1] == "data", "the rows of eleven words divide into none"
    assert adam.mu["output"].W.sharding.spec[0] == "data"
    assert not [x for x in jax.tree.leaves(state.params) if "data" in str(x.sharding.spec)]


def test_what_the_optimiser_remembers_stays_with_its_parameters():
    _, state, _ = trained(4, 2)
    for remembered in (state.opt_state[0].mu, state.opt_state[0].nu):
        where, now = (jax.tree.map(lambda x: x.sharding, tree) for tree in (remembered, state.params))
        assert where == now
    assert {shard.data.shape for shard in state.params["embedding"].addressable_shards} == {(6, 6)}
    assert {shard.data.shape for shard in state.params["output"].W.addressable_shards} == {(6, 6)}


@pytest.mark.parametrize(("data", "vocab"), MESHES)
def test_every_mesh_scores_as_one_device(data, vocab):
    model = LanguageModel(V, 4, 6, cell="elman")
    params = init_params(model, jax.random.key(0))

    def nats(data, vocab):
        mesh = mesh_with(data, vocab)
        step = jax.jit(spread_evaluation(make_eval_step(partial(score, model.clone(shards=vocab))), mesh))
        state = place(EvalState(params, init_state(model, B)), mesh)
        streams, found = fold_for_scoring(IDS, 0, B, 16, 32), []
        for n in range(streams.windows):
            state, some = step(state, batch_at(streams, n))
            found.append(some)
        return np.concatenate(found)

    np.testing.assert_allclose(nats(data, vocab), nats(1, 1), rtol=1e-5)


def test_what_is_padded_and_gathered_is_as_it_was():
    state = init_train_state(init_params(LanguageModel(V, 4, 6), jax.random.key(0)), optax.adam(1.0), ())
    mesh = mesh_with(1, 8)
    jax.tree.map(np.testing.assert_array_equal, whole(place(state, mesh), V), state)
    once = padded(state, mesh)
    assert once.params["embedding"].shape == (16, 4)
    jax.tree.map(np.testing.assert_array_equal, padded(once, mesh), once)
    assert not np.asarray(once.params["output"].W)[:, V:].any()


@pytest.mark.parametrize("softmax", [Softmax(), Softmax(components=3), Softmax(cutoffs=(3, 7)), Softmax(samples=2)])
def test_what_is_shared_out_over_data_alone_is_gathered_as_it_was(monkeypatch, softmax):
    """Of the parameters of a mixture or of clusters, no axis is the vocabulary."""
    monkeypatch.setattr(parallel, "LARGE", 2)
    params = init_params(LanguageModel(V, 4, 6, softmax=softmax), jax.random.key(0))
    state = init_train_state(params, optax.adam(1.0), ())
    placed = place(state, mesh_with(2, 1))
    assert [x for x in jax.tree.leaves(placed.opt_state[0].mu["output"]) if not x.sharding.is_fully_replicated]
    jax.tree.map(np.testing.assert_array_equal, whole(placed, V), state)


@pytest.mark.parametrize(
    "asked",
    [
        *({"softmax": softmax} for softmax in (Softmax(components=3), Softmax(cutoffs=(3, 7)), Softmax(samples=2))),
        *({"input_mode": mode} for mode in ("one_hot", "direct")),
        {"rates": Rates(label_smoothing=0.1)},
    ],
)
def test_what_cannot_share_a_vocabulary_is_refused_and_not_worked_out_wrong(asked):
    with pytest.raises(ValueError, match="devices share a vocabulary that is looked up, under a plain softmax"):
        init_params(LanguageModel(V, 4, 6, shards=2, **asked), jax.random.key(0))


def test_devices_that_share_a_vocabulary_leave_out_rows_of_their_own_and_all_else_alike():
    def noisy(table):
        drawn = noise(Rates(embedding_dropout=0.5), (0.5,), jax.random.key(0)).of_shard()
        return drawn.embedding(table), drawn.drop(0, jnp.ones((1, 16, 1)))

    spread = jax.shard_map(noisy, mesh=mesh_with(1, 4), in_specs=P(VOCAB), out_specs=(P(VOCAB), P(VOCAB)))
    rows, connections = jax.jit(spread)(jnp.ones((64, 1)))
    assert len(np.unique(rows.reshape(4, 16), axis=0)) == 4
    assert len(np.unique(connections.reshape(4, 16), axis=0)) == 1
