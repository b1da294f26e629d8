"""White-space words of a closed vocabulary, for corpora that come that way, such as Penn Treebank."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int32, Integer

from charrnn_jax.errors import InputError
from charrnn_jax.text.byte import check_known
from charrnn_jax.text.texts import Text

EOS, UNK = "<eos>", "<unk>"
MOST_WORDS = 1 << 21
"""The different words of the largest closed vocabulary."""


@dataclass(frozen=True)
class ClosedWordTokenizer:
    """Words by frequency; a line break is `<eos>`, a word outside the vocabulary `<unk>`.

    Lossless only on lines of known words with one space between them: see `decode`.
    """

    kind: ClassVar[str] = "closed_word"
    words: tuple[str, ...]

    @property
    def vocab_size(self) -> int:
        """V: the words, `<eos>` and `<unk>` among them."""
        return len(self.words)

    @property
    def start_id(self) -> int:
        """The context of a text's first token: the end of a line."""
        return self._id_of[EOS]

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    def encode(self, text: str) -> Int32[np.ndarray, "N"]:
        """An id for each word, and for each line break."""
        known, unknown = self._id_of, self._id_of[UNK]
        return np.array([known.get(word, unknown) for word in _split(text)], np.int32)

    def decode(self, ids: Integer[np.ndarray, "N"]) -> str:
        """Lines of words with one space between them."""
        check_known(ids, self.vocab_size)
        words = (self.words[i] for i in ids.tolist())
        spaced = "".join("\n" if word == EOS else f"{word} " for word in words)
        return spaced.replace(" \n", "\n").removesuffix(" ")

    def lengths(self, ids: Integer[np.ndarray, "N"]) -> Int32[np.ndarray, "N"]:
        """A word's, with the space before it except at the beginning of a line; 1 for a line break."""
        ends = ids == self._id_of[EOS]
        spaced = np.concatenate([[False], ~ends[:-1]]) & ~ends if len(ids) else ends
        return np.where(ends, 1, np.array([len(word) for word in self.words], np.int32)[ids] + spaced).astype(np.int32)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"words": list(self.words)}


def train_closed_word(text: Text) -> ClosedWordTokenizer:
    """Every word of the text, most frequent first, ties in the order of the strings.

    Raises InputError for a text of more different words than `MOST_WORDS`: no closed vocabulary is meant.
    """
    counts = Counter({EOS: 0, UNK: 0})
    for piece in text.pieces():
        counts.update(_split(piece))
        if len(counts) > MOST_WORDS:
            raise InputError(f"the text has more than {MOST_WORDS:,} different words: use word instead of closed_word")
    return ClosedWordTokenizer(tuple(sorted(counts, key=lambda word: (-counts[word], word))))


def _split(text: str) -> list[str]:
    return text.replace("\n", f" {EOS} ").split()
