"""Readers whose answers are known: what the next token is follows from a rule over the text so far."""

from collections.abc import Callable

import numpy as np

from charrnn_jax.text.tokenizer import Tokenizer
from experiments.measures.reader import Reader
from experiments.measures.vocabulary import token_starts


def fake_reader(tokenizer: Tokenizer, believe: Callable[[str], dict[str, float]], rest: float = 0.01) -> Reader:
    """A reader that is told what has been read, and believes: token texts with their weights.

    Tokens that are not named share the weight `rest`.
    """
    V = tokenizer.vocab_size
    known: dict[str, np.ndarray] = {}

    def after_one(ids: np.ndarray) -> np.ndarray:
        read = tokenizer.decode(ids)
        if read not in known:
            weights = np.full(V, rest / V)
            for text, weight in believe(read).items():
                weights[tokenizer.encode(text)[0]] += weight
            known[read] = np.log(weights / weights.sum()).astype(np.float32)
        return known[read]

    def nats(inputs, targets):
        costs = np.zeros(inputs.shape, np.float32)
        for b in range(inputs.shape[1]):
            for t in range(np.max(np.flatnonzero(inputs[:, b] + targets[:, b]), initial=0) + 1):  # zeros pad
                costs[t, b] = -after_one(inputs[: t + 1, b])[targets[t, b]]
        return costs

    def after(inputs, last):
        return np.stack([after_one(inputs[: n + 1, b]) for b, n in enumerate(last)])

    return Reader(tokenizer, nats, after)


def remembering_reader(tokenizer: Tokenizer, chars: int) -> Reader:
    """A reader of a text that repeats itself after `chars` characters: it knows a token once it has seen its copy.

    It looks exactly `chars` characters back, for the token that starts there.
    """
    V = tokenizer.vocab_size
    sure, unsure = np.float32(0.1), np.float32(np.log(V))

    def nats(inputs, targets):
        costs = np.full(inputs.shape, unsure)
        for b in range(inputs.shape[1]):
            column = inputs[:, b]
            starts = token_starts(tokenizer, column)
            ends = starts + tokenizer.lengths(column)
            there = np.searchsorted(starts, ends - chars)
            seen = (ends >= chars) & (column[np.minimum(there, len(column) - 1)] == targets[:, b])
            costs[seen, b] = sure
        return costs

    return Reader(tokenizer, nats, lambda inputs, last: np.full((len(last), V), -unsure))
