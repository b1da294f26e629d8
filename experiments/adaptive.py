"""Figures of a model that adapts to the very text it is scored on, each beside the plain one and never in its place.

Both read the text as one contiguous stream: what they adapt to is all that came before, and streams side by side would
each begin anew with nothing. One stream cannot be shared out, so that they run on one device, a window at a time.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from charrnn_jax.dynamic_evaluation import (
    init_dynamic,
    init_statistics,
    make_dynamic_step,
    make_statistics_step,
    root_mean_square,
)
from charrnn_jax.errors import InputError
from charrnn_jax.metrics import Score
from charrnn_jax.model import LanguageModel, init_state
from charrnn_jax.model import score as nats_of
from charrnn_jax.neural_cache import CachedState, init_cache, make_cached_step, read
from charrnn_jax.text.streams import batch_at, fold_for_scoring, fold_streams
from charrnn_jax.text.tokens import Tokens
from charrnn_jax.types import Params
from experiments.command_line import flag_of
from experiments.encoded import tokens_of
from experiments.run_folder import Kept, Trained, text_of
from experiments.shell import progress, require_positive

STATISTICS_STREAMS = 100
"""The batch of the gradient statistics, as in the authors' code."""
READ_AT_ONCE = 128
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, kw_only=True)
class Extras:
    """Figures beside the plain one."""

    dynamic: float | None = None
    """The learning rate of dynamic evaluation: about 0.1, or 0.0001 with --dynamic-rms."""
    dynamic_decay: float = 0.0
    """How far the parameters are drawn back to the trained ones after each segment, 0 to 1."""
    dynamic_length: int = 20
    """The tokens of a segment, after which the parameters learn."""
    dynamic_rms: bool = False
    """Divide gradients by their root mean square on the training text of the run, which has to be there."""
    cache: int | None = None
    """The tokens that a continuous cache holds."""
    cache_theta: float = 0.3
    """How sharply the cache looks for hidden states like the present one."""
    cache_lambda: float = 0.1
    """The weight of the cache, from 0 to below 1."""


class Figure(NamedTuple):
    """A figure beside the plain one."""

    name: str
    rule: str
    """With what values."""
    score: Score


def check(extras: Extras) -> None:
    """Raises InputError for the first value that cannot be used."""
    for field in fields(Extras):
        of, value = field.name.split("_")[0], getattr(extras, field.name)
        flag = flag_of(field.name)
        if getattr(extras, of) is None and value != field.default:
            raise InputError(f"{flag} needs --{of}")
        if value is not None and not 0 <= value <= LARGEST:
            raise InputError(f"{flag} is {value} and must be 0 or more, and finite in float32")
    require_positive(dynamic_length=extras.dynamic_length, **({} if extras.cache is None else {"cache": extras.cache}))
    if extras.dynamic_decay > 1:
        raise InputError(f"--dynamic-decay is {extras.dynamic_decay} and must be at most 1")
    if extras.cache_lambda >= 1:
        raise InputError(f"--cache-lambda is {extras.cache_lambda} and must be below 1")


def extra_scores(extras: Extras, trained: Trained, tokens: Tokens) -> Iterator[Figure]:
    """Each figure that was asked for."""
    if extras.dynamic is not None:
        length = min(extras.dynamic_length, len(tokens.ids))
        rule = f"rate {extras.dynamic:g}, decay {extras.dynamic_decay:g}, segments of {length} tokens"
        score = dynamic_score(extras, trained, tokens, length)
        yield Figure(f"dynamic evaluation, {'RMS' if extras.dynamic_rms else 'SGD'}", rule, score)
    if extras.cache is not None:
        window = min(extras.cache, len(tokens.ids))
        rule = f"window of {window} tokens, theta {extras.cache_theta:g}, lambda {extras.cache_lambda:g}"
        yield Figure("continuous cache", rule, cached_score(extras, trained, tokens, window))


def dynamic_score(extras: Extras, trained: Trained, tokens: Tokens, length: int) -> Score:
    """The whole text, by a model that learns from each segment once it is scored."""
    model, tokenizer, params, kept = trained
    assert extras.dynamic is not None
    rms = gradient_rms(model, params, training_tokens(kept), tokenizer.start_id, length) if extras.dynamic_rms else None
    step = make_dynamic_step(partial(nats_of, model), extras.dynamic, extras.dynamic_decay)
    state = init_dynamic(params, init_state(model, 1), rms)
    return _score(step, state, tokens, tokenizer.start_id, length, "--dynamic")


def cached_score(extras: Extras, trained: Trained, tokens: Tokens, window: int) -> Score:
    """The whole text, by a model that has a cache."""
    model, tokenizer, params, _ = trained
    step = make_cached_step(partial(read, model), extras.cache_theta, extras.cache_lambda)
    cache = init_cache(window, 1, model.layer_sizes[-1])
    state = CachedState(params, init_state(model, 1), cache)
    return _score(step, state, tokens, tokenizer.start_id, READ_AT_ONCE, "--cache-theta")


def _score(step: Callable, state: Any, tokens: Tokens, start_id: int, length: int, flag: str) -> Score:
    """The text as one stream, summed in double precision. Raises InputError where the sum is not finite."""
    streams, total = fold_for_scoring(tokens.ids, start_id, 1, length, burn_in=0), 0.0
    compiled = jax.jit(step, donate_argnums=0)
    state = jax.tree.map(lambda x: jnp.array(x, copy=True), state)  # what is donated must be nobody else's
    with progress("adapting", 0, streams.windows) as shown:
        for n in range(streams.windows):
            state, nats = compiled(state, batch_at(streams, n))
            total += float(np.sum(np.asarray(nats), dtype=np.float64))
            if not math.isfinite(total):
                raise InputError(f"the nats are not finite at token {n * length:,}: use a smaller {flag}")
            shown("")
    return Score(total, len(tokens.ids), tokens.words, tokens.chars)


def training_tokens(kept: Kept) -> Tokens:
    """The text that the run was trained on. Raises InputError where it is another one now."""
    return tokens_of(text_of(kept.config, kept.corpus_sha256), "train", kept.tokenizer, kept.config.store_dir)


def gradient_rms(model: LanguageModel, params: Params, tokens: Tokens, start_id: int, length: int) -> Params:
    """The root mean square of the gradients over the training text."""
    streams = fold_streams(tokens.ids, start_id, min(STATISTICS_STREAMS, len(tokens.ids) // length) or 1, length)
    step = jax.jit(make_statistics_step(partial(nats_of, model)))
    state = init_statistics(jax.device_put(params), init_state(model, streams.batch_size))
    with progress("gradient statistics", 0, streams.windows) as shown:
        for n in range(streams.windows):
            state, _ = step(state, batch_at(streams, n))
            shown("")
    return root_mean_square(state)
