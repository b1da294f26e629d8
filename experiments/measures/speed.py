"""How long things take: functions that take turns, and an interval of their median. The only measure with a clock."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import jax
import numpy as np

from charrnn_jax.errors import InputError
from charrnn_jax.model import LanguageModel, init_state
from charrnn_jax.sampling import Filters
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.types import Array, Params
from experiments.fit import split_seed, write

Name = TypeVar("Name", bound=Hashable)
LEAST_ROUNDS = 6
"""Fewer say nothing of the median with a confidence of 95 %."""


def take_turns(
    functions: Mapping[Name, Callable[[], Any]], rounds: int, clock: Callable[[], float] = perf_counter
) -> dict[Name, list[float]]:
    """The seconds of every call, results waited for: one call of each a round, after a first one that is not timed.

    What disturbs the machine for a while disturbs all of them, so that their differences within a round stand.
    """
    taken: dict[Name, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        jax.block_until_ready(function())
    for _ in range(rounds):
        for name, function in functions.items():
            begun = clock()
            jax.block_until_ready(function())
            taken[name].append(clock() - begun)
    return taken


def median_interval(values: Sequence[float]) -> dict[str, float]:
    """The median, and the interval that has that of the population with a probability of 95 % or more.

    Between two values in the order of their size, whatever the distribution: of n values, each is below the median or
    above as a coin falls (David and Nagaraja, 2003, Order Statistics, section 7.1). Raises InputError for less than
    six.
    """
    n = len(values)
    if n < LEAST_ROUNDS:
        raise InputError(f"{n} rounds tell no interval of a median: take {LEAST_ROUNDS} or more")
    tails = np.cumsum([math.comb(n, k) / 2**n for k in range(n)])
    outside = int(np.searchsorted(tails, 0.025, side="right")) - 1
    ordered = sorted(values)
    return {"estimate": float(np.median(ordered)), "low": ordered[outside], "high": ordered[n - 1 - outside]}


def compile_writing(
    model: LanguageModel, tokenizer: Tokenizer, params: Params, seed: int, count: int, tokens: int
) -> Callable[[], Array]:
    """The scan of `write_samples`, which draws the same `[tokens, count]` ids in every call."""
    writing = jax.jit(partial(write, model, length=tokens, filters=Filters()))
    prompt = np.full((1, count), tokenizer.start_id, np.int32)
    *_, sample_key = split_seed(seed)
    arguments = params, init_state(model, count), prompt, sample_key
    return partial(writing.lower(*arguments).compile(), *arguments)
