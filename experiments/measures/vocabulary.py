"""What the tokens of a vocabulary look like inside a text."""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, Integer

from charrnn_jax.text.tokenizer import Tokenizer


class Vocabulary(NamedTuple):
    """The texts of all tokens, in the order of strings."""

    texts: list[str]
    ids: Int64[np.ndarray, "V"]

    def beginning_with(self, beginning: str) -> Int64[np.ndarray, "n"]:
        """The tokens whose text begins so."""
        low = bisect_left(self.texts, beginning)
        high = bisect_right(self.texts, beginning, key=lambda text: text[: len(beginning)])
        return self.ids[low:high]

    def probability(self, log_probabilities: Float32[np.ndarray, "V"], beginning: str) -> float:
        """That the next token begins so."""
        return float(np.exp(log_probabilities[self.beginning_with(beginning)].astype(np.float64)).sum())


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """The tokens as they are in the middle of a line, where a word of a closed vocabulary has a space before it.

    A bracket of a spelling has no text; a part of a character, such as a byte, has that of U+FFFD.
    """
    before = tokenizer.encode("a")
    skipped = len(tokenizer.decode(before))
    last = np.array([0], np.int32)
    texts = []
    for i in range(tokenizer.vocab_size):
        last[0] = i
        texts.append(tokenizer.decode(np.concatenate([before, last]))[skipped:])
    order = sorted(range(len(texts)), key=texts.__getitem__)
    return Vocabulary([texts[i] for i in order], np.array(order, np.int64))


def token_starts(tokenizer: Tokenizer, ids: Integer[np.ndarray, "N"]) -> Int64[np.ndarray, "N"]:
    """The character of the text at which each token starts."""
    lengths = tokenizer.lengths(ids).astype(np.int64)
    return np.cumsum(lengths) - lengths
