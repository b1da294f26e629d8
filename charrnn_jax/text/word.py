"""One token for each frequent word; any other is spelled, character by character. Lossless."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int, Int32

from charrnn_jax.errors import InputError
from charrnn_jax.text.byte import check_known
from charrnn_jax.text.char import CharTokenizer, train_char

PIECE = re.compile(r" ?\w+(?:['’]\w+)*| ?[^\w\s]+|\s")
"""Words with the space before them, punctuation likewise, other white space: together they cover every string."""


@dataclass(frozen=True)
class WordTokenizer:
    """Pieces of text, most frequent first; then `<spell>` and `</spell>`; then the ids of a `CharTokenizer`.

    A piece outside the vocabulary is `<spell> c1 c2 ... </spell>`. A string has one encoding, and the model's
    probability of that encoding is a lower bound on its probability of the string.
    """

    kind: ClassVar[str] = "word"
    pieces: tuple[str, ...]
    letters: CharTokenizer

    @property
    def vocab_size(self) -> int:
        """V: pieces, two brackets, characters."""
        return self._first_letter + self.letters.vocab_size

    @property
    def start_id(self) -> int:
        """The context of a text's first token: a line break, where there is one."""
        return self._id_of.get("\n", self._first_letter + self.letters.start_id)

    @property
    def _spell(self) -> int:
        return len(self.pieces)

    @property
    def _first_letter(self) -> int:
        return len(self.pieces) + 2

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self.pieces)}

    def encode(self, text: str) -> Int32[np.ndarray, "N"]:
        """An id for each piece of the vocabulary, a spelling for each other."""
        ids: list[int] = []
        spellings: dict[str, list[int]] = {}
        known = self._id_of
        for piece in PIECE.findall(text):
            i = known.get(piece)
            if i is not None:
                ids.append(i)
                continue
            if piece not in spellings:
                letters = self.letters.encode(piece) + self._first_letter
                spellings[piece] = [self._spell, *letters.tolist(), self._spell + 1]
            ids += spellings[piece]
        return np.array(ids, np.int32)

    def decode(self, ids: Int[np.ndarray, "N"]) -> str:
        """The text: pieces and letters as they come, brackets without a trace."""
        check_known(ids, self.vocab_size)
        parts = []
        for is_letter, run in groupby(ids.tolist(), key=lambda i: i >= self._first_letter):
            if is_letter:
                parts.append(self.letters.decode(np.array(list(run), np.int32) - self._first_letter))
            else:
                parts += [self.pieces[i] for i in run if i < self._spell]
        return "".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"pieces": list(self.pieces), "characters": self.letters.characters}


def train_word(text: str, pieces: int) -> WordTokenizer:
    """The `pieces` most frequent pieces of the text, ties in the order of the strings.

    A piece seen once stays out, however large the vocabulary: from those the model learns how to spell.
    """
    if pieces <= 0:
        raise InputError(f"--pieces is {pieces} and must be above zero")
    repeated = [(-count, piece) for piece, count in Counter(PIECE.findall(text)).items() if count > 1]
    return WordTokenizer(tuple(piece for _, piece in sorted(repeated)[:pieces]), train_char(text))
