"""Nats -> numbers that compare: every figure is the total of a split over a denominator that is named.

Tokens of two vocabularies do not compare; the characters of the raw text do.
"""

import math
from typing import NamedTuple


class Score(NamedTuple):
    """What a model pays for a text, and the units that the text can be counted in."""

    nats: float
    """The total over every token."""
    tokens: int
    words: int
    """White-space words of the raw text."""
    chars: int
    """Characters (Unicode code points) of the raw text."""

    @property
    def bits_per_char(self) -> float:
        """Total bits over characters: the same denominator for every tokenizer."""
        return self.nats / math.log(2) / self.chars

    @property
    def perplexity_per_token(self) -> float:
        """`exp(nats / tokens)`: compares only models of the same tokenizer."""
        return _exp(self.nats / self.tokens)

    @property
    def perplexity_per_word(self) -> float:
        """`exp(nats / words)`, spaces and punctuation included in the nats; infinite for a text without words."""
        return _exp(self.nats / self.words) if self.words else math.inf


def _exp(nats: float) -> float:
    return math.exp(nats) if nats < 700 else math.inf
