"""The scan as a textbook has it: look up, multiply and apply the cell for one token after another, under autodiff."""

from typing import Any

import jax
import jax.numpy as jnp

from charrnn_jax.cells import CELLS, State
from charrnn_jax.embedding import embed_lookup
from charrnn_jax.model import LanguageModel, init_params, init_state
from charrnn_jax.recurrence import Layer
from experiments.peers.jax_step import make_jax_step
from experiments.peers.work import Step, Work


def make_step(work: Work) -> Step:
    """The parameters of this project's model, cast to `precision` in every step."""
    V, E, H, L, B, _ = work.size
    model = LanguageModel(V, E, H, L, work.cell)
    cell, dtype = CELLS[work.cell], jnp.dtype(work.precision)

    def one_layer(layer: Layer, x: jax.Array, state: State) -> State:
        r = state.h @ layer.R
        if layer.b_R is not None:
            r = r + layer.b_R
        return cell.apply(x @ layer.W + layer.b, r, state)

    def logits_of(params: Any, ids: jax.Array) -> jax.Array:
        params = jax.tree.map(lambda p: p.astype(dtype), params)

        def one_token(states: tuple[State, ...], ids: jax.Array) -> tuple[tuple[State, ...], jax.Array]:
            x, after = embed_lookup(params["embedding"], ids), []
            for i, state in enumerate(states):
                after.append(one_layer(params[f"layer_{i}"], x, state))
                x = after[-1].h
            return tuple(after), x @ params["output"].W + params["output"].b

        before = jax.tree.map(lambda s: s.astype(dtype), init_state(model, B))
        return jax.lax.scan(one_token, before, ids)[1]

    return make_jax_step(work, init_params(model, jax.random.key(0)), logits_of)
