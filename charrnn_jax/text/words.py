"""Words as a reader sees them, whatever the tokenizer."""

import re
from collections.abc import Set

ALPHABETIC = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def alphabetic_words(text: str) -> list[str]:
    """Runs of letters, apostrophes inside allowed, in lower case."""
    return [word.lower() for word in ALPHABETIC.findall(text)]


def count_words(text: str) -> int:
    """White-space words: the denominator of perplexity per word."""
    return len(text.split())


def nonsense_rate(sample: str, known: Set[str]) -> float | None:
    """The share of a sample's alphabetic words that are not among the known ones; None for a sample without words."""
    words = alphabetic_words(sample)
    return sum(word not in known for word in words) / len(words) if words else None
