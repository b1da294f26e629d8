"""This project writing one text: the scan that `experiments.sample` compiles."""

from functools import partial

import jax
import jax.numpy as jnp

from charrnn_jax.model import LanguageModel, init_params, init_state
from charrnn_jax.sampling import Filters
from experiments.fit import write
from experiments.peers.work import TOKENS, Step, Work


def make_step(work: Work) -> Step:
    """A step writes `TOKENS` tokens."""
    V, E, H, L, _, _ = work.size
    model = LanguageModel(V, E, H, L, work.cell, precision=work.precision)
    params, state = init_params(model, jax.random.key(0)), init_state(model, 1)
    writing = jax.jit(partial(write, model), static_argnames=("length", "filters"))

    def write_one() -> float:
        prompt = jnp.zeros((1, 1), jnp.int32)
        ids = writing(params, state, prompt, jax.random.key(1), length=TOKENS, filters=Filters())
        return float(ids[-1, 0])

    return write_one
