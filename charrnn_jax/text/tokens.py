"""A text as ids, in the smallest type that holds the vocabulary."""

from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Int32, UInt8, UInt16

from charrnn_jax.text.texts import Text
from charrnn_jax.text.tokenizer import Tokenizer

Ids: TypeAlias = UInt8[np.ndarray, "N"] | UInt16[np.ndarray, "N"] | Int32[np.ndarray, "N"]


class Tokens(NamedTuple):
    """An encoded text, with the denominators of its scores."""

    ids: Ids
    """In memory, or mapped from a file: read-only then, and to be read a window at a time."""
    chars: int
    """Characters of the text."""
    words: int
    """White-space words of the text."""


def id_type(vocab_size: int) -> type[np.uint8 | np.uint16 | np.int32]:
    """The smallest of the types of `Ids` that holds every id of the vocabulary."""
    if vocab_size <= 1 << 8:
        return np.uint8
    return np.uint16 if vocab_size <= 1 << 16 else np.int32


def encode(tokenizer: Tokenizer, text: Text) -> Tokens:
    """The tokens of the text, in memory: its pieces encoded one by one, as a token store has them."""
    small = id_type(tokenizer.vocab_size)
    parts = [tokenizer.encode(piece).astype(small) for piece in text.pieces()]
    return Tokens(np.concatenate([np.zeros(0, small), *parts]), text.chars, text.words)
