"""One model on one text: the state that a run goes through, and its `jit`s beside that of `scorer`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jax.stages import Wrapped

from charrnn_jax.accumulation import accumulated
from charrnn_jax.cells import State
from charrnn_jax.errors import InputError
from charrnn_jax.metrics import Score
from charrnn_jax.model import LanguageModel, folded, init_params, init_state, penalised_score, score, step
from charrnn_jax.optimisers import anneal, begin_averaging, mean_or_last
from charrnn_jax.parallel import layout, padded, place, place_batch, spread_gradient, streams_here, whole
from charrnn_jax.sampling import Filters, generate
from charrnn_jax.sharded_vocabulary import VOCAB
from charrnn_jax.text.streams import Batch, batch_at, fold_streams, with_drawn_lengths
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.tokens import Tokens
from charrnn_jax.training import Gradient, TrainState, init_train_state, make_train_step
from charrnn_jax.types import Array, Params
from experiments.meshes import EVENLY, Spread, mesh_for
from experiments.process import on_nvidia
from experiments.schedule import Schedule, make_optimizer
from experiments.scorer import Scorer


class Trainer:
    """A model, its optimiser and its text, compiled: it has the train state, and takes it from step to step."""

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        tokens: Tokens,
        schedule: Schedule,
        seed: int,
        spread: Spread = EVENLY,
    ):
        model = model.clone(cudnn=on_nvidia())
        self.model, self.tokenizer, self.schedule = model, tokenizer, schedule
        self.streams = fold_streams(tokens.ids, tokenizer.start_id, schedule.batch_size, schedule.length)
        if schedule.random_length:
            self.streams = with_drawn_lengths(self.streams, seed, schedule.steps)
        self.chars_per_token = tokens.chars / len(tokens.ids)
        self.chars_per_step = tokens.chars / self.streams.mean_windows
        params_key, dropout_key, _ = split_seed(seed)
        self.mesh = mesh_for(spread, schedule.batch_size // schedule.accumulate)
        compiled, self.state = start_training(model, schedule, params_key, dropout_key, self.mesh)
        self.streams = self.streams._replace(chosen=streams_here(self.mesh, schedule.batch_size))
        self.train_step = compiled.lower(self.state, self._batch(0)).compile()
        self.scorer = Scorer(model, tokenizer, spread)

    def goes_on_from(self, state: TrainState) -> None:
        """Takes the place of the state of now."""
        self.state = place(state, self.mesh)

    @property
    def whole_state(self) -> TrainState:
        """The state of now, however many devices it is spread over."""
        return whole(self.state, self.model.vocab_size)

    @property
    def kept_state(self) -> TrainState:
        """What a checkpoint holds: the whole state or, of several processes, what is on the devices of each."""
        return self.state if self.mesh.is_multi_process else self.whole_state

    @property
    def whole_shapes(self) -> TrainState | None:
        """Those of the whole state, where what a checkpoint holds is padded."""
        return shapes_of(self.model, self.schedule) if self.mesh.is_multi_process else None

    def take_step(self, n: int) -> tuple[float, float]:
        """Step n: its nats per token, and the norm of its gradient."""
        self.state, metrics = self.train_step(self.state, self._batch(n))
        return float(metrics.nats), float(metrics.grad_norm)

    def _batch(self, n: int) -> Batch:
        return place_batch(batch_at(self.streams, n), self.mesh, self.schedule.batch_size)

    def text_of(self, n: int, chars: int = 60) -> str:
        """The beginning of what the first stream reads in step n."""
        return self.tokenizer.decode(batch_at(self.streams, n).targets[:, 0])[:chars]

    def evaluate(self, tokens: Tokens, between: Callable[[], None] = lambda: None) -> Score:
        """The score of a text under the parameters of now; calls `between` windows, which may raise."""
        return self.scorer.score(self._found, tokens, between)

    @property
    def params(self) -> Params:
        """What training has found: the parameters of now or, once they are averaged, their mean."""
        return whole(self._found, self.model.vocab_size)

    @property
    def _found(self) -> Params:
        """The same, spread as they are trained."""
        found = mean_or_last(self.state.params, self.state.opt_state)
        return jax.tree.map(lambda x, now: jax.device_put(x, now.sharding), found, self.state.params)

    def begins_averaging(self) -> None:
        """From the next step on."""
        averaged: Any = self.state.opt_state
        self.goes_on_from(self.state._replace(opt_state=begin_averaging(averaged, self.state.params)))

    def anneals(self) -> None:
        """The learning rate, from the next step on."""
        annealed = anneal(self.state.opt_state, self.schedule.decay_by)
        self.goes_on_from(self.state._replace(opt_state=annealed))


def shapes_of(model: LanguageModel, schedule: Schedule) -> TrainState:
    """Those of the whole state, and its types."""
    return jax.eval_shape(partial(begin, model, schedule), jax.random.key(0))


def begin(model: LanguageModel, schedule: Schedule, key: Array) -> TrainState:
    """The state before the first step, with parameters drawn from the key."""
    state = init_state(model, schedule.batch_size)
    return init_train_state(init_params(model, key), make_optimizer(schedule), state)


def start_training(
    model: LanguageModel, schedule: Schedule, params_key: Array, step_key: Array, mesh: Mesh | None = None
) -> tuple[Wrapped, TrainState]:
    """The jitted step of training, and the state before the first one: on that mesh, or over the devices there are."""
    mesh = mesh or mesh_for(EVENLY, schedule.batch_size // schedule.accumulate)

    def first(key: Array) -> TrainState:
        return padded(begin(model, schedule, key), mesh)

    where = layout(jax.eval_shape(first, params_key), mesh)
    state = jax.jit(first, out_shardings=where)(params_key)  # no device ever has what is another's
    cost = penalised_score if model.rates.penalise else score
    model = model.clone(padded=schedule.random_length, shards=mesh.shape[VOCAB])
    return jit_training(partial(cost, model), schedule, step_key, state, mesh), state


def spread_training(
    nats_of: Callable, schedule: Schedule, step_key: Array, state: TrainState
) -> tuple[Wrapped, TrainState]:
    """The jitted step of a `training.Score`, and the state before the first one: both spread over the devices."""
    mesh = mesh_for(EVENLY, schedule.batch_size // schedule.accumulate)
    state = place(state, mesh)
    return jit_training(nats_of, schedule, step_key, state, mesh), state


def jit_training(nats_of: Callable, schedule: Schedule, step_key: Array, state: TrainState, mesh: Mesh) -> Wrapped:
    """The jitted step of a `training.Score` on a mesh, for states such as this one."""

    def spread(gradient_of: Gradient) -> Gradient:
        return spread_gradient(accumulated(gradient_of, schedule.accumulate), mesh)

    usual = schedule.length if schedule.random_length else None
    train_step = make_train_step(nats_of, make_optimizer(schedule), step_key, schedule.drop_state, spread, usual)
    return jax.jit(train_step, donate_argnums=0, out_shardings=(layout(state, mesh), None))


def split_seed(seed: int) -> tuple[Array, Array, Array]:
    """The keys of a run: for its parameters, its training steps, its samples."""
    params_key, train_key, sample_key = jax.random.split(jax.random.key(seed), 3)
    return params_key, train_key, sample_key


def write(
    model: LanguageModel,
    params: Params,
    state: tuple[State, ...],
    prompt: Array,
    key: Array,
    length: int,
    filters: Filters,
) -> Array:
    """`sampling.generate` by that model, its parameters made ready for so many tokens."""
    ready = folded(model, params, length * prompt.shape[1])
    return generate(partial(step, model), ready, state, prompt, key, length, filters)


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
    compiled = jax.jit(partial(write, model), static_argnames=("length", "filters"))
    *_, sample_key = split_seed(seed)
    drawn = compiled(params, init_state(model, count), columns, sample_key, length=tokens, filters=filters)
    return [tokenizer.decode(np.concatenate([prompted, column])) for column in np.asarray(drawn).T]
