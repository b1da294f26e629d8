"""This project: its model and its training step."""

from functools import partial

import jax

from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.parallel import layout, mesh_of, place, spread_gradient
from charrnn_jax.text.streams import batch_at, fold_streams
from charrnn_jax.training import init_train_state, make_train_step
from experiments.fit import Schedule, make_optimizer
from experiments.peers.work import LEARNING_RATE, Step, Work, text_of
from experiments.process import on_nvidia


def make_step(work: Work) -> Step:
    """As `experiments.train` takes its steps."""
    V, E, H, L, B, T = work.size
    model = LanguageModel(V, E, H, L, work.cell, precision=work.precision, cudnn=on_nvidia())
    optimizer = make_optimizer(Schedule(10**6, B, T, LEARNING_RATE))
    mesh = mesh_of(jax.devices(), B)
    spread = partial(spread_gradient, mesh=mesh)
    train_step = make_train_step(partial(score, model), optimizer, jax.random.key(1), 0.05, spread)
    state = place(init_train_state(init_params(model, jax.random.key(0)), optimizer, init_state(model, B)), mesh)
    compiled = jax.jit(train_step, donate_argnums=0, out_shardings=(layout(state, mesh), None))
    streams = fold_streams(text_of(work.size)[1:], 0, B, T)

    def step() -> float:
        nonlocal state
        state, metrics = compiled(state, batch_at(streams, 0))
        jax.block_until_ready(state)
        return float(metrics.nats)

    return step
