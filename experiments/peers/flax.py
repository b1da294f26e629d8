"""Flax: nn.Embed, nn.RNN over OptimizedLSTMCell / GRUCell / SimpleCell, nn.Dense."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from experiments.peers.jax_step import make_jax_step
from experiments.peers.work import Step, Work

CELLS = {"lstm": nn.OptimizedLSTMCell, "gru": nn.GRUCell, "elman": nn.SimpleCell}


class Model(nn.Module):
    """Ids to logits."""

    work: Work

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Logits of every next token, from the zero state."""
        size, dtype = self.work.size, jnp.dtype(self.work.precision)
        x = nn.Embed(size.V, size.E, dtype=dtype)(ids)
        for _ in range(size.L):
            layer: Any = nn.RNN(CELLS[self.work.cell](size.H, dtype=dtype), time_major=True)
            x = layer(x)
        return nn.Dense(size.V, dtype=dtype)(x)


def make_step(work: Work) -> Step:
    """Parameters are float32; `precision` is that of the products."""
    model = Model(work)
    params = model.init(jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    apply: Any = model.apply
    return make_jax_step(work, params, apply)
