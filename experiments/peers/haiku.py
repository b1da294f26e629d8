"""Haiku: hk.Embed, hk.LSTM / hk.GRU / hk.VanillaRNN under dynamic_unroll, hk.Linear."""

import haiku as hk
import jax
import jax.numpy as jnp

from experiments.peers.jax_step import make_jax_step
from experiments.peers.work import Step, Work

CELLS = {"lstm": hk.LSTM, "gru": hk.GRU, "elman": hk.VanillaRNN}


def make_step(work: Work) -> Step:
    """Parameters are float32, and cast to `precision` in every step."""
    size, dtype = work.size, jnp.dtype(work.precision)

    def forward(ids: jax.Array) -> jax.Array:
        x = hk.Embed(size.V, size.E)(ids)
        for _ in range(size.L):
            core = CELLS[work.cell](size.H)
            state = jax.tree.map(lambda s: s.astype(dtype), core.initial_state(ids.shape[1]))
            x, _ = hk.dynamic_unroll(core, x, state)
        return hk.Linear(size.V)(x)

    model = hk.without_apply_rng(hk.transform(forward))
    params = model.init(jax.random.key(0), jnp.zeros((1, 1), jnp.int32))

    def logits_of(params: hk.Params, ids: jax.Array) -> jax.Array:
        return model.apply(jax.tree.map(lambda p: p.astype(dtype), params), ids)

    return make_jax_step(work, params, logits_of)
