"""One model on one text: the loops around the pure steps, and the four `jit`s of a run."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.stages import Wrapped

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus
from charrnn_jax.metrics import Score
from charrnn_jax.model import LanguageModel, init_params, init_state, score, step
from charrnn_jax.parallel import Step, layout, mesh_of, place, spread_evaluation, spread_gradient
from charrnn_jax.sampling import Filters, generate
from charrnn_jax.text.streams import Streams, batch_at, fold_for_scoring, fold_streams
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.words import count_words
from charrnn_jax.training import EvalState, TrainState, init_train_state, make_eval_step, make_train_step
from charrnn_jax.types import Array, Params
from experiments.process import on_nvidia
from experiments.shell import console, track

SCORED_STREAMS = 32


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
        model = model.clone(cudnn=on_nvidia())
        self.model, self.tokenizer, self.schedule = model, tokenizer, schedule
        ids = tokenizer.encode(text)
        self.streams = fold_streams(ids, tokenizer.start_id, schedule.batch_size, schedule.length)
        self.chars_per_token = len(text) / len(ids)
        self.chars_per_step = len(text) / self.streams.windows
        params_key, dropout_key, _ = split_seed(seed)
        compiled, self.state = start_training(model, schedule, params_key, dropout_key)
        self.train_step = compiled.lower(self.state, batch_at(self.streams, 0)).compile()
        self.eval_mesh = mesh_of(jax.devices(), SCORED_STREAMS)
        self.eval_step = jax.jit(spread_evaluation(make_eval_step(partial(score, model)), self.eval_mesh))

    def run(self, steps: range) -> Iterator[float]:
        """Takes the steps of that range; gives the nats per token of each."""
        for n in steps:
            self.state, metrics = self.train_step(self.state, batch_at(self.streams, n))
            yield float(metrics.nats)

    def evaluate(self, text: str) -> Score:
        """The score of a text under the parameters of now."""
        ids = self.tokenizer.encode(text)
        streams = fold_for_scoring(ids, self.tokenizer.start_id, SCORED_STREAMS)
        state = place(EvalState(self.state.params, init_state(self.model, SCORED_STREAMS)), self.eval_mesh)
        nats = total_nats(self.eval_step, state, streams)
        return Score(nats, len(ids), count_words(text), len(text))


def start_training(
    model: LanguageModel, schedule: Schedule, params_key: Array, step_key: Array
) -> tuple[Wrapped, TrainState]:
    """The jitted step of training, and the state before the first one: both spread over the devices there are."""
    optimizer, mesh = make_optimizer(schedule), mesh_of(jax.devices(), schedule.batch_size)

    def begin(key: Array) -> TrainState:
        return init_train_state(init_params(model, key), optimizer, init_state(model, schedule.batch_size))

    state = place(jax.jit(begin)(params_key), mesh)  # one program: unjitted, every operation would be one of its own
    spread = partial(spread_gradient, mesh=mesh)
    train_step = make_train_step(partial(score, model), optimizer, step_key, schedule.drop_state, spread)
    return jax.jit(train_step, donate_argnums=0, out_shardings=(layout(state, mesh), None)), state


def split_seed(seed: int) -> tuple[Array, Array, Array]:
    """The keys of a run: for its parameters, its training steps, its samples."""
    params_key, train_key, sample_key = jax.random.split(jax.random.key(seed), 3)
    return params_key, train_key, sample_key


def require_lossless(tokenizer: Tokenizer, corpus: Corpus) -> None:
    """Raises InputError where a closed vocabulary cannot write the text: its bits would not be of that text."""
    for split in ("train", "valid", "test"):
        text = getattr(corpus, split).read()
        if tokenizer.decode(tokenizer.encode(text)) != text:
            raise InputError(
                f"the {split} text of {corpus.name} has words or spaces outside the closed vocabulary: use word or char"
            )


def make_optimizer(schedule: Schedule) -> optax.GradientTransformation:
    """Adam on clipped gradients; the learning rate warms up, then falls along a cosine to a fiftieth."""
    warmup = max(1, min(schedule.warmup, schedule.steps // 10))
    peak = schedule.learning_rate
    rate = optax.warmup_cosine_decay_schedule(0.0, peak, warmup, max(schedule.steps, 2), peak / 50)
    return optax.chain(clip_by_norm(schedule.clip), optax.adam(rate, b2=0.99))


def clip_by_norm(limit: float) -> optax.GradientTransformation:
    """As `optax.clip_by_global_norm`, by one factor for all: a multiplication that XLA takes into the update.

    A division for each number, as Optax has it, is kept in an array of its own: one pass over memory more.
    """

    def shorten(gradient: Params, _: Params | None) -> Params:
        factor = jnp.minimum(1.0, limit / optax.tree.norm(gradient))
        return jax.tree.map(lambda g: g * factor, gradient)

    return optax.stateless(shorten)


def total_nats(eval_step: Step, state: EvalState, streams: Streams) -> float:
    """The nats of every token of the streams, summed in double precision."""
    total = 0.0
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
    """`count` texts that begin with the prompt, one compiled scan for all of them.

    Raises InputError for a prompt that a closed vocabulary cannot write.
    """
    prompted = tokenizer.encode(prompt)
    if tokenizer.decode(prompted) != prompt:
        raise InputError(f"the prompt {prompt!r} has words or spaces outside the closed vocabulary: use other words")
    columns = np.repeat(np.concatenate([[np.int32(tokenizer.start_id)], prompted])[:, None], count, axis=1)
    compiled = jax.jit(partial(generate, partial(step, model)), static_argnames=("length", "filters"))
    *_, sample_key = split_seed(seed)
    drawn = compiled(params, init_state(model, count), columns, sample_key, length=tokens, filters=filters)
    return [tokenizer.decode(np.concatenate([prompted, column])) for column in np.asarray(drawn).T]


def train_to(
    trainer: Trainer,
    valid: str,
    points: int,
    label: str,
    seconds_before: float = 0.0,
    after_point: Callable[[list[Point]], None] | None = None,
) -> list[Point]:
    """Trains from the state's step to the end of the schedule; measures on `valid` at evenly spaced points."""
    schedule, curve, seconds, start = trainer.schedule, [], 0.0, int(trainer.state.step)
    ends = np.unique(np.linspace(0, schedule.steps, points + 1).astype(int)).tolist()
    for first, last in itertools.pairwise([start, *(end for end in ends if end > start)]):
        begun = time.perf_counter()
        nats = list(track(trainer.run(range(first, last)), f"{label}, step", first, last))
        seconds += time.perf_counter() - begun
        bits = trainer.evaluate(valid).bits_per_char
        curve.append(
            Point(last, round(last * trainer.chars_per_step), seconds_before + seconds, float(np.mean(nats)), bits)
        )
        if after_point:
            after_point(curve)
        speed = (last - start) * trainer.chars_per_step / seconds
        console.print(
            f"  {label} {last:>6,}/{schedule.steps:,}  {curve[-1].train_nats:.3f} nats/token  "
            f"valid {bits:.3f} bits/char  {speed:,.0f} chars/s",
            soft_wrap=True,
        )
    return curve
