"""Use of context: the bits of the same characters when a model sees only the last k before them.

After Khandelwal, He, Qi and Jurafsky (2018), "Sharp Nearby, Fuzzy Far Away", section 4, with k in characters, so
that one axis serves every tokenisation.

The targets are segments of a text. A segment is read region by region: the tokens of a region start within
max(1, k // 8) characters, and share one window, the tokens that start at most k characters before its first. Each
target so sees k to 9k/8 characters, and costs 9 steps of a character model instead of k. The window is read from
the zero state. A token that its border cuts is left out, so that a model of long tokens sees a little less; where
no token is left, the model knows as much as at the beginning of a text.
"""

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from charrnn_jax.errors import InputError
from charrnn_jax.text.tokenizer import Tokenizer
from experiments.measures.columns import Column, column, nats_of
from experiments.measures.reader import Reader
from experiments.measures.vocabulary import token_starts


class ContextUse(NamedTuple):
    """What S segments cost with each of K contexts."""

    k: Int64[np.ndarray, "K"]
    """Characters of context."""
    bits_per_char: Float64[np.ndarray, "K"]
    nats: Float64[np.ndarray, "K S"]
    chars: Int64[np.ndarray, "S"]


def context_sizes(chars: int, largest: int = 4096) -> list[int]:
    """The contexts to measure in a text: 1, 2, 4, ..., each leaving half of the text for targets."""
    return [1 << n for n in range(largest.bit_length()) if 1 << n <= min(largest, chars // 2)]


def common_boundaries(starts: Sequence[Integer[np.ndarray, "N"]]) -> Int64[np.ndarray, "M"]:
    """The characters of a text at which every tokenisation starts a token, from the starts of their tokens.

    Where two start at one character, one of them may belong to the character before, as the closing bracket of a
    spelling does: such a place is left out.
    """
    return reduce(np.intersect1d, (_alone(of_one) for of_one in starts)).astype(np.int64)


def _alone(starts: Integer[np.ndarray, "N"]) -> Int64[np.ndarray, "M"]:
    places, counts = np.unique(starts, return_counts=True)
    return places[counts == 1]


def choose_segments(
    text: str, tokenizers: Sequence[Tokenizer], sizes: Sequence[int], count: int = 64, length: int = 128
) -> Int64[np.ndarray, "S 2"]:
    """Segments spread over the text behind its first `sizes[-1]` characters: where each begins, and ends.

    Both are boundaries of tokens for every tokenizer. There are `count` of them or fewer, of `length` characters or
    somewhat more, up to twice that. Raises InputError where there is none.
    """
    boundaries = common_boundaries([token_starts(tokenizer, tokenizer.encode(text)) for tokenizer in tokenizers])
    places = np.linspace(max(sizes, default=0), max(len(text) - 2 * length, 0), count).astype(np.int64)
    segments, free = [], 0
    for place in places.tolist():
        begin = _at_least(boundaries, max(place, free))
        end = _at_least(boundaries, begin + length)
        if end - begin <= 2 * length and begin < len(text):
            segments.append((begin, end))
            free = end
    if not segments or not sizes:
        raise InputError(f"{len(text)} characters are too few to measure the use of context: give a longer text")
    return np.array(segments, np.int64)


def _at_least(boundaries: Int64[np.ndarray, "M"], place: int) -> int:
    at = np.searchsorted(boundaries, place)
    return int(boundaries[at]) if at < len(boundaries) else 1 << 62


def context_use(
    reader: Reader, text: str, segments: Int64[np.ndarray, "S 2"], sizes: Sequence[int]
) -> ContextUse:
    """The cost of each segment with each of the contexts."""
    ids, start_id = reader.tokenizer.encode(text), reader.tokenizer.start_id
    starts = token_starts(reader.tokenizer, ids)
    columns, cells = [], []
    for i, k in enumerate(sizes):
        for s, (begin, end) in enumerate(segments.tolist()):
            for first, last in _regions(starts, begin, end, max(1, k // 8)):
                window = int(np.searchsorted(starts, starts[first] - k))
                columns.append(column(ids, start_id, window, first, last))
                cells.append((i, s, last - first))
    nats = np.zeros((len(sizes), len(segments)))
    for (i, s, scored), costs in zip(cells, nats_of(reader, columns), strict=True):
        nats[i, s] += costs[-scored:].sum(dtype=np.float64)
    chars = segments[:, 1] - segments[:, 0]
    return ContextUse(np.array(sizes, np.int64), nats.sum(1) / chars.sum() / math.log(2), nats, chars)


def _regions(starts: Int64[np.ndarray, "N"], begin: int, end: int, width: int) -> Iterator[tuple[int, int]]:
    """The tokens that start in `[begin, end)`, as ranges of such as start within `width` characters."""
    first, behind = np.searchsorted(starts, [begin, end]).tolist()
    while first < behind:
        last = min(int(np.searchsorted(starts, starts[first] + width)), behind)
        yield first, last
        first = last


def effective_context(k: Int64[np.ndarray, "K"], bits_per_char: Float[np.ndarray, "K"]) -> int:
    """The characters of context beyond which less than 1 % is gained: the smallest k that is so close to all above."""
    best_from_here = np.minimum.accumulate(bits_per_char[::-1])[::-1]
    return int(k[np.flatnonzero(bits_per_char <= 1.01 * best_from_here)[0]])
