"""One model on one text: the loops around the pure steps, with the two `jit`s of every experiment."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
import optax

from charrnn_jax.metrics import Score
from charrnn_jax.model import LanguageModel, init_params, init_state, score, step
from charrnn_jax.sampling import Filters, generate
from charrnn_jax.text.streams import Streams, batch_at, fold_for_scoring, fold_streams
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.words import count_words
from charrnn_jax.training import (
    EvalState,
    init_train_state,
    make_eval_step,
    make_train_step,
)
from charrnn_jax.types import Params
from experiments.shell import console, track


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how fast."""

    steps: int
    batch_size: int
    length: int
    """T: the tokens through which the gradient goes back."""
    learning_rate: float
    warmup: int = 100
    clip: float = 1.0
    """The largest global norm of a gradient."""
    drop_state: float = 0.05
    """The probability that a stream starts a window from the zero state."""


class Point(NamedTuple):
    """One point of a learning curve."""

    step: int
    chars: int
    """Characters of training text seen so far."""
    seconds: float
    """Time in training steps, without compilation and evaluation."""
    train_nats: float
    """Mean nats per token since the last point."""
    valid_bits_per_char: float


class Trainer:
    """A model, its optimiser and its text, compiled: `run` takes the train state from one point to the next."""

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, text: str, schedule: Schedule, seed: int):
        self.model, self.tokenizer, self.schedule = model, tokenizer, schedule
        ids = tokenizer.encode(text)
        self.chars_per_token = len(text) / len(ids)
        self.streams = fold_streams(ids, tokenizer.start_id, schedule.batch_size, schedule.length)
        params_key, dropout_key = jax.random.split(jax.random.key(seed))
        optimizer = make_optimizer(schedule)
        carry = init_state(model, schedule.batch_size)
        self.state = init_train_state(init_params(model, params_key), optimizer, carry)
        train_step = jax.jit(
            make_train_step(partial(score, model), optimizer, dropout_key, schedule.drop_state), donate_argnums=0
        )
        self.train_step = train_step.lower(self.state, batch_at(self.streams, 0)).compile()
        self.eval_step = jax.jit(make_eval_step(partial(score, model)))

    def run(self, steps: range) -> Iterator[float]:
        """Takes the steps of that range; gives the nats per token of each."""
        for n in steps:
            self.state, metrics = self.train_step(self.state, batch_at(self.streams, n))
            yield float(metrics.nats)

    def evaluate(self, text: str) -> Score:
        """The score of a text under the parameters of now."""
        ids = self.tokenizer.encode(text)
        streams = fold_for_scoring(ids, self.tokenizer.start_id)
        nats = total_nats(self.eval_step, self.model, self.state.params, streams)
        return Score(nats, len(ids), count_words(text), len(text))


def make_optimizer(schedule: Schedule) -> optax.GradientTransformation:
    """Adam on clipped gradients; the learning rate warms up, then falls along a cosine to a fiftieth."""
    warmup = max(1, min(schedule.warmup, schedule.steps // 10))
    peak = schedule.learning_rate
    rate = optax.warmup_cosine_decay_schedule(0.0, peak, warmup, max(schedule.steps, 2), peak / 50)
    return optax.chain(optax.clip_by_global_norm(schedule.clip), optax.adam(rate, b2=0.99))


def total_nats(eval_step, model: LanguageModel, params: Params, streams: Streams) -> float:
    """The nats of every token of the streams, summed in double precision."""
    state, total = EvalState(params, init_state(model, streams.batch_size)), 0.0
    for n in range(streams.windows):
        state, nats = eval_step(state, batch_at(streams, n))
        total += float(np.sum(np.asarray(nats), dtype=np.float64))
    return total


def write_samples(
    model: LanguageModel,
    tokenizer: Tokenizer,
    params: Params,
    seed: int,
    count: int,
    tokens: int,
    filters: Filters,
    prompt: str = "",
) -> list[str]:
    """`count` texts that go on from the prompt, one compiled scan for all of them."""
    ids = np.concatenate([np.array([tokenizer.start_id], np.int32), tokenizer.encode(prompt)])
    columns = np.repeat(ids[:, None], count, axis=1)
    compiled = jax.jit(partial(generate, partial(step, model)), static_argnames=("length", "filters"))
    drawn = compiled(params, init_state(model, count), columns, jax.random.key(seed), length=tokens, filters=filters)
    return [tokenizer.decode(column) for column in np.asarray(drawn).T]


def train_to(
    trainer: Trainer, valid: str, points: int, label: str, after_point: Callable[[], None] = lambda: None
) -> list[Point]:
    """Trains from the state's step to the end of the schedule; measures on `valid` at evenly spaced points."""
    schedule, curve, seconds = trainer.schedule, [], 0.0
    borders = np.unique(np.linspace(int(trainer.state.step), schedule.steps, points + 1).astype(int)).tolist()
    per_step = schedule.batch_size * schedule.length * trainer.chars_per_token
    for first, last in itertools.pairwise(borders):
        begun = time.perf_counter()
        nats = list(track(trainer.run(range(first, last)), f"{label}, step", first, last))
        seconds += time.perf_counter() - begun
        valid_bits = trainer.evaluate(valid).bits_per_char
        curve.append(Point(last, round(last * per_step), seconds, float(np.mean(nats)), valid_bits))
        after_point()
        speed = (last - borders[0]) * per_step / seconds
        console.print(
            f"  {label}  {last}/{schedule.steps} steps  {curve[-1].train_nats:.3f} nats/token  "
            f"valid {valid_bits:.3f} bits/char  {speed:,.0f} chars/s"
        )
    return curve
