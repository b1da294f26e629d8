"""This project: its model and its training step."""

import jax

from charrnn_jax.model import LanguageModel
from charrnn_jax.text.streams import batch_at, fold_streams
from experiments.fit import start_training
from experiments.peers.work import LEARNING_RATE, Step, Work, text_of
from experiments.process import on_nvidia
from experiments.schedule import Schedule


def make_step(work: Work) -> Step:
    """As `experiments.train` takes its steps."""
    V, E, H, L, B, T = work.size
    model = LanguageModel(V, E, H, L, work.cell, precision=work.precision, cudnn=on_nvidia())
    schedule = Schedule(10**6, B, T, LEARNING_RATE)
    compiled, state = start_training(model, schedule, jax.random.key(0), jax.random.key(1))
    streams = fold_streams(text_of(work.size)[1:], 0, B, T)

    def step() -> float:
        nonlocal state
        state, metrics = compiled(state, batch_at(streams, 0))
        jax.block_until_ready(state)
        return float(metrics.nats)

    return step
