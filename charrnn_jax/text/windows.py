"""Windows of drawn lengths: one plan for all steps of a run, so that batch n stays a function of n.

Were all windows of one length, the same tokens would begin one in every pass through the text, and no gradient would
ever go back from them: Merity et al. (2018), Regularizing and Optimizing LSTM Language Models, section 4.1.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

HALVED = 0.05
"""The probability that a length is drawn around half the usual one."""
DEVIATION = 5.0
SHORTEST = 5
ROOM = 15
"""Tokens by which a window may exceed the usual length. The paper has no such limit, which one in 1,500 would pass."""


class Windows(NamedTuple):
    """Where the window of each step is in the streams, from the first step of a run on."""

    begin: Int64[np.ndarray, "S"]
    """Its first token; 0 where a pass begins."""
    length: Int64[np.ndarray, "S"]
    """How many tokens it has of each stream: as drawn, or what is left of the pass."""


def draw_windows(seed: int, stream_length: int, usual: int, steps: int) -> Windows:
    """The windows of so many steps: end to end, and in every pass through the streams at other places.

    More steps have the same windows, and then more.
    """
    lengths, most = draw_lengths(seed, usual, steps), -(-stream_length // SHORTEST)
    begin, step = np.empty(steps, np.int64), 0
    while step < steps:
        ends = np.cumsum(lengths[step : step + most])
        windows = min(int(np.searchsorted(ends, stream_length)) + 1, len(ends))
        of_pass = slice(step, step + windows)
        begin[of_pass] = ends[:windows] - lengths[of_pass]
        step += windows
    return Windows(begin, np.minimum(lengths, stream_length - begin))


def draw_lengths(seed: int, usual: int, steps: int) -> Int64[np.ndarray, "S"]:
    """For each step a length, normal around `usual` or around half of it, rounded down.

    The numbers are those of the authors' code, main.py.
    """
    choices, normals = (np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(2))
    mean = np.where(choices.random(steps) < HALVED, usual / 2, usual)
    return np.clip(normals.normal(mean, DEVIATION).astype(np.int64), SHORTEST, usual + ROOM)
