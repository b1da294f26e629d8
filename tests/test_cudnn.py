from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import rnn

from charrnn_jax.cells import CELLS, LSTMState
from charrnn_jax.cudnn import cudnn_lstm
from charrnn_jax.fast_recurrence import fast_scan
from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.noise import Rates
from charrnn_jax.recurrence import init_layer, project
from experiments.process import on_nvidia

close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)


@pytest.fixture
def calls(monkeypatch):
    """Stands JAX's own statement in plain operations of what cuDNN computes in its place; counts the calls."""
    lengths_of_calls = []

    def reference(
        x, h, c, weights, *, seq_lengths, input_size, hidden_size, num_layers, dropout, bidirectional, precision
    ):
        assert precision == jax.lax.Precision.HIGHEST, "no TF32"
        sizes = input_size, hidden_size, num_layers
        parts = rnn.unpack_lstm_weights(weights, *sizes, bidirectional=bidirectional)
        lengths_of_calls.append(x.shape[1])
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return rnn.lstm_ref(x, h, c, *parts, seq_lengths, *sizes, dropout, bidirectional)

    monkeypatch.setattr(rnn, "lstm", reference)
    return lengths_of_calls


def case(T=5, B=3, X=4, H=6):
    layer_key, x_key, h_key, c_key = jax.random.split(jax.random.key(0), 4)
    layer = init_layer(layer_key, CELLS["lstm"], X, H)
    state = LSTMState(jax.random.normal(h_key, (B, H)), jax.random.normal(c_key, (B, H)))
    return layer, jax.random.normal(x_key, (T, B, X)), state


def scanned(layer, x, state):
    return fast_scan(CELLS["lstm"], layer, project(layer, x), state)


def gradients(way):
    def loss(layer, x, state):
        last, h = way(layer, x, state)
        return jnp.sum(jnp.sin(h)) + jnp.sum(last.h * last.c), (last, h)

    return jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(*case())


def test_weights_packed_for_cudnn_are_those_of_the_scan(calls):
    jax.tree.map(close, gradients(cudnn_lstm), gradients(scanned))
    assert calls == [5]


@pytest.mark.skipif(not on_nvidia(), reason="cuDNN needs an NVIDIA GPU, and JAX_PLATFORMS=cuda")
def test_cudnn_is_the_scan():
    jax.tree.map(close, gradients(cudnn_lstm), gradients(scanned))


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ({}, [9, 9]),
        ({"input_mode": "one_hot"}, [9, 9]),
        ({"input_mode": "direct"}, [9]),
        ({"cell": "gru"}, []),
        ({"precision": "bfloat16"}, []),
        ({"rates": Rates(zoneout_cell=0.1)}, []),
        ({"rates": Rates(state_dropout=0.1)}, []),
        ({"padded": True}, []),
    ],
)
def test_a_model_has_cudnn_run_the_layers_that_it_knows(calls, asked, called):
    plain = LanguageModel(vocab_size=7, embed_size=4, hidden_size=5, num_layers=2, **asked)
    params, ids = init_params(plain, jax.random.key(0)), jnp.arange(18).reshape(9, 2) % 7
    before = init_state(plain, 2)
    results = [score(model, params, ids, ids, before) for model in (plain, plain.clone(cudnn=True))]
    jax.tree.map(close, *results)
    assert calls == called


def test_one_token_at_a_time_is_left_to_the_scan(calls):
    model = LanguageModel(vocab_size=7, embed_size=4, hidden_size=5, cudnn=True)
    ids = jnp.zeros((1, 2), jnp.int32)
    score(model, init_params(model, jax.random.key(0)), ids, ids, init_state(model, 2))
    assert calls == []
