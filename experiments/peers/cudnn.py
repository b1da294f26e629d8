"""cuDNN's LSTM as JAX offers it: jax.experimental.rnn, on an NVIDIA GPU only."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from charrnn_jax.embedding import embed_lookup
from charrnn_jax.losses import Output
from experiments.peers.jax_step import make_jax_step
from experiments.peers.work import Step, Work

EXACT = jax.lax.Precision.HIGHEST


def make_step(work: Work) -> Step:
    """All layers in one call, from the zero state, in float32."""
    assert work.cell == "lstm", "jax.experimental.rnn has no other cell"
    assert work.precision == "float32", "jax.experimental.rnn has no other precision"
    V, E, H, L, B, T = work.size
    table_key, rnn_key, output_key = jax.random.split(jax.random.key(0), 3)
    params = {
        "table": jax.random.normal(table_key, (V, E)),
        "rnn": rnn.init_lstm_weight(rnn_key, E, H, L, bidirectional=False),
        "output": Output(jax.random.normal(output_key, (H, V)) * H**-0.5, jnp.zeros(V)),
    }

    def logits_of(params: dict, ids: jax.Array) -> jax.Array:
        x = embed_lookup(params["table"], ids).swapaxes(0, 1)
        zero, lengths = jnp.zeros((L, B, H)), jnp.full(B, T, jnp.int32)
        result: Any = rnn.lstm(x, zero, zero, params["rnn"], lengths, E, H, L, 0.0, False, EXACT)
        return jnp.dot(result[0].swapaxes(0, 1), params["output"].W, precision=EXACT) + params["output"].b

    return make_jax_step(work, params, logits_of)
