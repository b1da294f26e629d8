"""Many token sequences of many lengths, put to a `Reader` in few shapes."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Integer

from experiments.measures.reader import Reader

SHORTEST = 9
"""T is this or a power of two times this: it fits k characters of context and the k / 8 that share it."""
TOKENS = 1 << 14
"""T·B, unless B would be less than `NARROWEST`."""
NARROWEST = 8
LOGITS = 1 << 24
"""B·V at most, where B may be as small."""


class Column(NamedTuple):
    """What a model reads from the zero state, and what it should have expected each time."""

    inputs: Int32[np.ndarray, "n"]
    targets: Int32[np.ndarray, "n"]


def column(ids: Integer[np.ndarray, "N"], start_id: int, window: int, first: int, end: int) -> Column:
    """The tokens of a text from `window` on, read up to the target before `end`; those from `first` on are of interest.

    The input before the window is `start_id` where the text begins there, and where no token is in front of `first`:
    a model can say nothing without an input.
    """
    tokens = ids[window:end].astype(np.int32)
    if window in (0, first):
        tokens = np.concatenate([np.array([start_id], np.int32), tokens])
    return Column(tokens[:-1], tokens[1:])


def nats_of(reader: Reader, columns: Sequence[Column]) -> list[Float32[np.ndarray, "n"]]:
    """The nats of every target of every column."""
    nats: list[np.ndarray] = [np.zeros(0, np.float32)] * len(columns)
    inputs, targets = [c.inputs for c in columns], [c.targets for c in columns]
    for some, padded in _batches(inputs, _width):
        costs = reader.nats(padded, _padded([targets[i] for i in some], *padded.shape))
        for b, i in enumerate(some):
            nats[i] = costs[: len(targets[i]), b]
    return nats


def after(
    reader: Reader, inputs: Sequence[Int32[np.ndarray, "n"]]
) -> Iterator[tuple[int, Float32[np.ndarray, "V"]]]:
    """For each sequence, in any order, its place among them and the log-probabilities of what follows it, in nats."""
    narrow = max(1, LOGITS // reader.tokenizer.vocab_size)
    for some, padded in _batches(inputs, lambda T: min(_width(T), narrow)):
        last = np.zeros(padded.shape[1], np.int32)
        last[: len(some)] = [len(inputs[i]) - 1 for i in some]
        yield from zip(some, reader.after(padded, last), strict=False)  # behind the last: padding


def _width(T: int) -> int:
    return max(NARROWEST, TOKENS // T)


def _batches(
    sequences: Sequence[Int32[np.ndarray, "n"]], width: Callable[[int], int]
) -> Iterator[tuple[list[int], Int32[np.ndarray, "T B"]]]:
    """Sequences of about one length side by side: which, and the array of them."""
    by_length: dict[int, list[int]] = {}
    for i, sequence in enumerate(sequences):
        by_length.setdefault(_rounded(len(sequence)), []).append(i)
    for T, members in sorted(by_length.items()):
        B = width(T)
        for first in range(0, len(members), B):
            some = members[first : first + B]
            yield some, _padded([sequences[i] for i in some], T, B)


def _rounded(length: int) -> int:
    T = SHORTEST
    while T < length:
        T *= 2
    return T


def _padded(sequences: Sequence[Int32[np.ndarray, "n"]], T: int, B: int) -> Int32[np.ndarray, "T B"]:
    array = np.zeros((B, T), np.int32)
    for row, sequence in zip(array, sequences, strict=False):
        row[: len(sequence)] = sequence
    return np.ascontiguousarray(array.T)
