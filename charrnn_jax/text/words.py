"""Words as a reader sees them, whatever the tokenizer."""

import re

import numpy as np

from charrnn_jax.text.byte import code_points

ALPHABETIC = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
WHITE_SPACE = np.array([chr(point).isspace() for point in range(0x3002)])
"""By code point. The last is not white space, and stands for all behind it."""


def alphabetic_words(text: str) -> list[str]:
    """Runs of letters, apostrophes inside allowed, in lower case."""
    return [word.lower() for word in ALPHABETIC.findall(text)]


def count_words(text: str, before: str = " ") -> int:
    """White-space words that begin in the text: the denominator of perplexity per word.

    `before` is the character in front of the text: behind a letter, the first letters begin no word.
    """
    # As many as `text.split()` has where `before` is white space, ten times as fast.
    white = WHITE_SPACE.take(code_points(before + text), mode="clip")
    return int(np.count_nonzero(white[:-1] & ~white[1:]))
