"""One token for each character; a character unseen in training is spelled in UTF-8 bytes."""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int32, Integer

from charrnn_jax.text.byte import check_known, code_points, from_bytes, to_bytes
from charrnn_jax.text.texts import Text

HEX_DIGITS = "0123456789abcdef"
CODE_POINTS = 0x110000
"""How many Unicode has."""


@dataclass(frozen=True)
class CharTokenizer:
    """The characters of the training text, then sixteen hexadecimal digits.

    A character outside the vocabulary is written as the digits of its UTF-8 bytes, two a byte. They are tokens of
    their own, not the characters 0 to f, and UTF-8 says itself where a character ends: no brackets are needed.
    """

    kind: ClassVar[str] = "char"
    characters: str
    """Distinct; the position is the id."""

    @property
    def vocab_size(self) -> int:
        """V: the characters and the sixteen digits."""
        return len(self.characters) + len(HEX_DIGITS)

    @property
    def start_id(self) -> int:
        """The context of a text's first token: a line break, where there is one."""
        return max(0, self.characters.find("\n"))

    @cached_property
    def _id_of_code_point(self) -> Int32[np.ndarray, "P"]:
        ids = np.full(CODE_POINTS, -1, np.int32)
        ids[code_points(self.characters)] = np.arange(len(self.characters))
        return ids

    def encode(self, text: str) -> Int32[np.ndarray, "N"]:
        """An id for each character; two for each byte of one unseen in training."""
        ids = self._id_of_code_point.take(code_points(text))  # indexing would take twice the time
        unseen = np.flatnonzero(ids < 0)
        if not len(unseen):
            return ids
        parts, start = [], 0
        for at in unseen.tolist():
            parts += [ids[start:at], self._spell(text[at])]
            start = at + 1
        return np.concatenate([*parts, ids[start:]])

    def _spell(self, character: str) -> Int32[np.ndarray, "D"]:
        digits = [HEX_DIGITS.index(digit) for digit in to_bytes(character).hex()]
        return np.array(digits, np.int32) + len(self.characters)

    def decode(self, ids: Integer[np.ndarray, "N"]) -> str:
        """The text; digits that spell no character become U+FFFD."""
        check_known(ids, self.vocab_size)
        symbols, letters = self.characters + HEX_DIGITS, len(self.characters)
        parts = []
        for spelled, run in groupby(ids.tolist(), key=lambda i: i >= letters):
            written = "".join(symbols[i] for i in run)
            parts.append(_unspell(written) if spelled else written)
        return "".join(parts)

    def lengths(self, ids: Integer[np.ndarray, "N"]) -> Int32[np.ndarray, "N"]:
        """1 for a character; of one in digits, 1 for the first digit of its first byte."""
        digit = ids.astype(np.int32) - len(self.characters)
        letters = np.flatnonzero(digit < 0)
        before = np.concatenate([[-1], letters])[np.searchsorted(letters, np.arange(len(ids)))]
        begins_byte = (np.arange(len(ids)) - before) % 2 == 1
        return ((digit < 0) | (begins_byte & (digit >> 2 != 0b10))).astype(np.int32)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"characters": self.characters}


def train_char(text: Text) -> CharTokenizer:
    """The vocabulary of the text: its distinct characters, in code-point order."""
    seen = np.zeros(CODE_POINTS, np.bool_)
    for piece in text.pieces():
        seen[code_points(piece)] = True
    return CharTokenizer("".join(map(chr, np.flatnonzero(seen).tolist())))


def _unspell(digits: str) -> str:
    half_a_byte = len(digits) % 2
    return from_bytes(bytes.fromhex(digits[: len(digits) - half_a_byte])) + "\ufffd" * half_a_byte
