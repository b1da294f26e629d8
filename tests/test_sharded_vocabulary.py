"""The plain functions of `embedding` and `losses` are the oracle of those that split the vocabulary over devices."""

import re
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from charrnn_jax import embedding, losses
from charrnn_jax.losses import Output
from charrnn_jax.sharded_vocabulary import VOCAB, embed_lookup, rows_of_shard, token_nats

T, B, E = 4, 3, 5
MILLION = 1_000_003


def split(function, shards, outs):
    """Parameters by rows of the vocabulary, all else whole on every device."""
    mesh = jax.make_mesh((shards,), (VOCAB,), (AxisType.Auto,), devices=jax.devices()[:shards])
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=(P(VOCAB), P(), P()), out_specs=outs, check_vma=False))


def drawn(V, dtype="float32", size=E):
    """Rows of two tables and a bias; ids and targets that reach the first and the last of them."""
    keys = jax.random.split(jax.random.key(V), 5)
    table, W = (jax.random.normal(key, (V, size), dtype) for key in keys[:2])
    ids, targets = (
        jax.random.randint(key, (T, B), 0, V, jnp.int32).at[0, 0].set(0).at[-1, -1].set(V - 1) for key in keys[2:4]
    )
    return {"table": table, "W": W, "b": jax.random.normal(keys[4], (V,), dtype)}, ids, targets


def padded(params, shards):
    def longer(x):
        missing = rows_of_shard(len(x), shards) * shards - len(x)
        return jnp.pad(x, [(0, missing), *[(0, 0)] * (x.ndim - 1)])

    return jax.tree.map(longer, params)


def plain_nats(output, h, targets):
    return losses.cross_entropy(jnp.einsum("tbh,hv->tbv", h, output.W) + output.b[None, None, :], targets)


def with_gradient(lookup, nats_of):
    """The vectors looked up, the nats that they cost as hidden states, through output weights of their own and through
    the same table (tied), and the gradient of their weighted sum."""

    def score(params, ids, targets):
        def nats(params):
            h = lookup(params["table"], ids)
            outputs = Output(params["W"].T, params["b"]), Output(params["table"].T, params["b"])
            return jnp.stack([nats_of(output, jnp.tanh(h), targets) for output in outputs]), h

        found, pull, h = jax.vjp(nats, params, has_aux=True)
        return h, found, *pull(jnp.arange(1, found.size + 1, dtype=found.dtype).reshape(found.shape))

    return score


def in_shards(V, shards):
    score = with_gradient(lambda table, ids: embed_lookup(table, ids, V), partial(token_nats, vocab_size=V))
    return split(score, shards, (P(), P(), P(VOCAB)))


@pytest.mark.parametrize(
    ("V", "shards", "logits", "dtype", "tolerance"),
    [
        *product([7], [1, 2], [40, losses.LOGITS], ["float64"], [1e-10]),
        *product([17], [3, 8], [1, 40, losses.LOGITS], ["float64"], [1e-10]),
        *product([3], [8], [1, losses.LOGITS], ["float64"], [1e-10]),
        *product([17], [3], [40, losses.LOGITS], ["float32"], [1e-5]),
    ],
)
def test_shards_agree_with_the_whole(monkeypatch, V, shards, logits, dtype, tolerance):
    """Column by column, in chunks, and whole; where some devices have nothing but padding, too."""
    with jax.enable_x64(dtype == "float64"):
        params, ids, targets = drawn(V, dtype)
        rows, nats, gradient = jax.jit(with_gradient(embedding.embed_lookup, plain_nats))(params, ids, targets)
        monkeypatch.setattr(losses, "LOGITS", logits)
        found, *rest = in_shards(V, shards)(padded(params, shards), ids, targets)
        np.testing.assert_array_equal(found, rows)
        close = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
        jax.tree.map(close, rest, [nats, padded(gradient, shards)])


def test_a_million_words_agree_with_the_whole():
    params, ids, targets = drawn(MILLION, size=2)
    rows, nats, gradient = jax.jit(with_gradient(embedding.embed_lookup, losses.token_nats))(params, ids, targets)
    found, *rest = in_shards(MILLION, 8)(padded(params, 8), ids, targets)
    np.testing.assert_array_equal(found, rows)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), rest, [nats, padded(gradient, 8)])


def test_in_bfloat16_shards_round_as_the_whole():
    params, _, targets = drawn(17)
    h = jax.random.normal(jax.random.key(0), (T, B, E))

    def nats(nats_of, params, h, targets):
        return nats_of(Output(params["W"].T, params["b"]), h, targets, precision="bfloat16")

    ours = split(partial(nats, partial(token_nats, vocab_size=17)), 3, P())(padded(params, 3), h, targets)
    np.testing.assert_allclose(ours, nats(losses.token_nats, params, h, targets), rtol=1e-5)


@pytest.mark.parametrize("bad", [-1, 17, 18, 10**6])
def test_an_id_outside_the_vocabulary_is_nan_and_no_other_is(bad):
    """17 is padding of the last of three devices."""
    params, ids, targets = drawn(17)
    expected = np.arange(T * B).reshape(T, B) == 5
    rows, _, _ = in_shards(17, 3)(padded(params, 3), jnp.where(expected, bad, ids), targets)
    _, nats, _ = in_shards(17, 3)(padded(params, 3), ids, jnp.where(expected, bad, targets))
    np.testing.assert_array_equal(np.isnan(rows), np.broadcast_to(expected[..., None], rows.shape))
    np.testing.assert_array_equal(np.isnan(nats), [expected] * 2)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_short_ids_count_to_the_end_of_the_vocabulary(dtype):
    params, ids, targets = drawn(300)
    ids = ids % 128
    small = in_shards(300, 8)(padded(params, 8), ids.astype(dtype), targets)
    np.testing.assert_array_equal(small[0], embedding.embed_lookup(params["table"], ids))


def test_huge_logits_overflow_in_no_shard():
    params, ids, targets = drawn(17)
    huge = jax.tree.map(lambda x: x * 1e4, params)
    _, nats, gradient = in_shards(17, 8)(padded(huge, 8), ids, targets)
    expected = with_gradient(embedding.embed_lookup, plain_nats)(huge, ids, targets)
    np.testing.assert_allclose(nats, expected[1], rtol=1e-5)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


def test_devices_exchange_vectors_of_tokens_and_never_a_table():
    """In the compiled program: sums over devices, none larger than the vectors of the window, and nothing gathered."""
    params, ids, targets = drawn(1_009)
    text = in_shards(1_009, 8).lower(padded(params, 8), ids, targets).compile().as_text()
    reduced = [shape for line in text.splitlines() if (shape := re.search(r"= (.*?) all-reduce(-start)?\(", line))]
    sizes = [np.prod(eval(f"[{dims}]")) for shape in reduced for dims in re.findall(r"\[([\d,]*)\]", shape[1])]
    assert len(reduced) >= 3, "of the vectors, of the normalisers and of the hidden states' gradient"
    assert max(sizes) <= 2 * T * B * E, "one for each of two outputs"
    assert not re.search(r"all-gather|all-to-all|collective-permute|reduce-scatter", text)


def test_memory_falls_with_the_number_of_devices():
    def planned(shards):
        params, ids, targets = drawn(80_000)
        plan = in_shards(80_000, shards).lower(padded(params, shards), ids, targets).compile().memory_analysis()
        return plan.argument_size_in_bytes, plan.temp_size_in_bytes

    alone = planned(1)
    for shards in (2, 4, 8):
        for ours, whole in zip(planned(shards), alone, strict=True):
            assert ours < 1.05 * whole / shards
