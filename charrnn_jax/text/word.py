"""One token for each frequent word; any other is spelled, character by character. Lossless."""

import heapq
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int32, Integer

from charrnn_jax.text.byte import check_known
from charrnn_jax.text.char import CharTokenizer, train_char
from charrnn_jax.text.texts import Text

PIECE = re.compile(r" ?\w+(?:['’]\w+)*| ?[^\w\s]+|\s")
"""Words with the space before them, punctuation likewise, other white space: together they cover every string."""
MOST_TYPES, MOST_CHARS = 1 << 21, 1 << 26
"""How many different pieces are counted at a time, and how many characters they have together."""


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
        known, letters = self._id_of, _Letters(self.letters, self._first_letter)
        for piece in PIECE.findall(text):
            i = known.get(piece)
            if i is not None:
                ids.append(i)
                continue
            if piece not in spellings:
                spelled = [i for character in piece for i in letters[character]]
                spellings[piece] = [self._spell, *spelled, self._spell + 1]
            ids += spellings[piece]
        return np.array(ids, np.int32)

    def decode(self, ids: Integer[np.ndarray, "N"]) -> str:
        """The text: pieces and letters as they come, brackets without a trace."""
        check_known(ids, self.vocab_size)
        parts = []
        for is_letter, run in groupby(ids.tolist(), key=lambda i: i >= self._first_letter):
            if is_letter:
                parts.append(self.letters.decode(np.array(list(run), np.int32) - self._first_letter))
            else:
                parts += [self.pieces[i] for i in run if i < self._spell]
        return "".join(parts)

    def lengths(self, ids: Integer[np.ndarray, "N"]) -> Int32[np.ndarray, "N"]:
        """Those of pieces and letters; brackets have none."""
        of_piece = np.array([*map(len, self.pieces), 0, 0], np.int32)
        lengths, is_letter = of_piece.take(ids, mode="clip"), ids >= self._first_letter
        lengths[is_letter] = self.letters.lengths(ids[is_letter] - self._first_letter)
        return lengths

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"pieces": list(self.pieces), "characters": self.letters.characters}


class _Letters(dict[str, list[int]]):
    """The ids of a character, asked once: numpy takes microseconds over a single one."""

    def __init__(self, letters: CharTokenizer, first: int):
        super().__init__()
        self.letters, self.first = letters, first

    def __missing__(self, character: str) -> list[int]:
        self[character] = (self.letters.encode(character) + self.first).tolist()
        return self[character]


def train_word(text: Text, pieces: int) -> WordTokenizer:
    """The `pieces` most frequent pieces of the text, ties in the order of the strings.

    A piece seen once stays out, however large the vocabulary: from those the model learns how to spell. Memory is
    bounded, by that of `count_pieces`.
    """
    repeated = ((-count, piece) for piece, count in count_pieces(text).items() if count > 1)
    return WordTokenizer(tuple(piece for _, piece in heapq.nsmallest(pieces, repeated)), train_char(text))


def count_pieces(text: Text) -> dict[str, int]:
    """How often each piece of the text comes, in bounded memory.

    Where a text has more than `MOST_TYPES` different pieces (two million; a gigabyte of English has fewer) or they
    have more than `MOST_CHARS` characters, the rarer half is forgotten, whenever that happens; a piece that comes again
    is counted from one.
    """
    counts: dict[str, int] = {}
    chars = 0
    for part in text.pieces():
        for piece, count in Counter(PIECE.findall(part)).items():
            before = counts.get(piece, 0)
            counts[piece] = before + count
            chars += 0 if before else len(piece)
        if len(counts) > MOST_TYPES or chars > MOST_CHARS:
            middle = sorted(counts.values())[len(counts) // 2]
            counts = {piece: count for piece, count in counts.items() if count > middle}
            chars = sum(map(len, counts))
    return counts
