"""A text that may be larger than memory, read in pieces that cut no token."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from charrnn_jax.text.byte import to_bytes
from charrnn_jax.text.words import count_words

PIECE = 1 << 18
"""The characters of a piece, unless a text says otherwise. Encodings of a text without white space depend on it.

Its arrays are small enough that memory is used again for those of the next: with pieces four times as long, the
system has to find and clear new pages for each, and characters are encoded at half the speed.
"""


@runtime_checkable
class Text(Protocol):
    """A string that is read piece by piece, as often as one likes. Never empty where it is a split of a corpus."""

    @property
    def piece(self) -> int:
        """The most characters that a piece has."""
        ...

    @property
    def chars(self) -> int:
        """Characters (code points) of the whole text: the denominator of bits per character."""
        ...

    @property
    def words(self) -> int:
        """White-space words of the whole text, none counted twice because it lies in two pieces. Reads through it."""
        ...

    def pieces(self) -> Iterator[str]:
        """The pieces in order: those of `cut`, whatever the text comes from."""
        ...

    def utf8(self) -> Iterator[bytes]:
        """The bytes of the text in blocks of about a piece, for hashing. A lone surrogate has its three bytes."""
        ...

    def read(self) -> str:
        """The whole text, in memory."""
        ...


@dataclass(frozen=True)
class StringText:
    """A text in memory."""

    text: str = field(repr=False)
    piece: int = PIECE

    @property
    def chars(self) -> int:
        """Characters of the text."""
        return len(self.text)

    @property
    def words(self) -> int:
        """White-space words of the text."""
        return count_words_of(self.pieces())

    def pieces(self) -> Iterator[str]:
        """The pieces of `cut`."""
        return cut((self.text[i : i + self.piece] for i in range(0, len(self.text), self.piece)), self.piece)

    def utf8(self) -> Iterator[bytes]:
        """The bytes of the text, piece by piece."""
        return map(to_bytes, self.pieces())

    def read(self) -> str:
        """The text."""
        return self.text


def cut(chunks: Iterable[str], size: int) -> Iterator[str]:
    """The text that the chunks spell, in pieces of `size` characters at most; none is empty.

    A piece ends right before a white-space character: the last one before which it may. There no token is cut:
    for `word` and `bpe`, white space begins a token wherever it stands (a word takes one space before it, never one
    behind), and for `closed_word` it lies between tokens or, a line break, is one. A piece without white space behind
    its first character is cut at `size`: every text remains, but a word may become two tokens.

    How the chunks are cut makes no difference.
    """
    held = ""
    for chunk in chunks:
        held += chunk
        while len(held) > size:
            end = _last_white_space(held[1 : size + 1]) + 1 or size
            yield held[:end]
            held = held[end:]
    if held:
        yield held


def _last_white_space(text: str) -> int:
    """Its index in a text that is not empty; -1 where there is none."""
    if text[-1].isspace():
        return len(text) - 1
    # `rsplit` looks from the end, as fast as the machine: a loop would take seconds over a line of 100 MB.
    return len(text) - 1 - len(text.rsplit(None, 1)[-1])


def count_words_of(pieces: Iterable[str]) -> int:
    """White-space words of the text that the pieces spell, wherever it is cut."""
    total, before = 0, " "
    for piece in pieces:
        total += count_words(piece, before)
        before = piece[-1:] or before
    return total
