"""Word vectors that were learned elsewhere, as rows of an embedding table: lines of text, no files.

A line is a word and its numbers, separated by single spaces: word2vec's text format (Mikolov et al., 2013), GloVe
(Pennington et al., 2014), fastText's .vec (Bojanowski et al., 2017). Lines stay bytes until their fields are found:
words hold white space of other kinds, such as U+00A0 and U+0085, at which the methods of strings would split.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int8

from charrnn_jax.errors import InputError
from charrnn_jax.text.closed_word import EOS, ClosedWordTokenizer
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.tokens import Ids
from charrnn_jax.text.word import WordTokenizer

HEADER = re.compile(rb"(\d{1,12}) (\d{1,9})[ \r\n]*")
NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
CHARACTERS = b"0123456789+-.eE "
"""Of numbers, and the space between them."""
WINDOW = 1 << 20
NO_WORD, MISSING, LOWERED, EXACT = range(4)
"""What became of a row: it stands for no word, for one without a vector, found in lower case, found as it is."""


class Header(NamedTuple):
    """The first line of word2vec and fastText."""

    vectors: int
    size: int
    """E: the numbers of a vector."""


class Tally(NamedTuple):
    """How many words have found a vector."""

    exact: int
    lowered: int
    """Only when written in lower case."""
    words: int
    """With a vector or without."""


class Coverage(NamedTuple):
    """What a file of vectors had for the words of a vocabulary."""

    match: Int8[np.ndarray, "V"]
    """NO_WORD, MISSING, LOWERED or EXACT for each row."""
    duplicates: int
    """Lines left out because their word, one of those looked for, had come before."""

    @property
    def found(self) -> Bool[np.ndarray, "V"]:
        """The rows that are vectors of the file."""
        return self.match >= LOWERED

    @property
    def vocabulary(self) -> Tally:
        """Each row that stands for a word counted once: `the` and ` the` are two."""
        exact, lowered, missing = (int(np.count_nonzero(self.match == kind)) for kind in (EXACT, LOWERED, MISSING))
        return Tally(exact, lowered, exact + lowered + missing)


def words_of(tokenizer: Tokenizer) -> list[str]:
    """The word that each id writes; the empty string where it writes white space, a bracket or a letter.

    A piece writes the same word with a space before it or without. Punctuation counts as words, as in such files;
    `<unk>` is looked for under that name. Raises InputError for a tokenizer whose tokens are not words.
    """
    if isinstance(tokenizer, WordTokenizer):
        words = [piece.strip() for piece in tokenizer.pieces]
    elif isinstance(tokenizer, ClosedWordTokenizer):
        words = ["" if word == EOS else word for word in tokenizer.words]
    else:
        raise InputError(f"vectors are of words, tokens of {tokenizer.kind} are not: use --tokenizer word, closed_word")
    return words + [""] * (tokenizer.vocab_size - len(words))


def wanted(words: Sequence[str]) -> set[str]:
    """The words that `assign` has a use for."""
    return {written for word in words if word for written in (word, word.lower())}


def assign(
    table: Float[np.ndarray, "V E"], words: Sequence[str], vectors: Iterable[tuple[str, Float[np.ndarray, "E"]]]
) -> tuple[Float[np.ndarray, "V E"], Coverage]:
    """The table, in which each row that stands for a word is its vector: of the word itself or, where there is none,
    of the word in lower case. Of several vectors of one word the first counts. Other rows stay as they are."""
    exactly, lowered = _rows(words), _rows([word.lower() if word != word.lower() else "" for word in words])
    table, match = table.copy(), np.array([MISSING if word else NO_WORD for word in words], np.int8)
    seen, duplicates = set(), 0
    for word, vector in vectors:
        if word in seen:
            duplicates += 1
            continue
        seen.add(word)
        in_lower_case = [row for row in lowered.get(word, ()) if match[row] == MISSING]
        for kind, rows in ((EXACT, exactly.get(word, [])), (LOWERED, in_lower_case)):
            table[rows], match[rows] = vector, kind
    return table, Coverage(match, duplicates)


def _rows(words: Sequence[str]) -> dict[str, list[int]]:
    """The ids that stand for each word."""
    rows: dict[str, list[int]] = {}
    for row, word in enumerate(words):
        if word:
            rows.setdefault(word, []).append(row)
    return rows


def running(coverage: Coverage, tokenizer: Tokenizer, ids: Ids) -> Tally:
    """Of the words of an encoded text. One that is spelled has no row of its own, and so no vector."""
    counts = np.zeros(tokenizer.vocab_size, np.int64)
    for at in range(0, len(ids), WINDOW):
        counts += np.bincount(ids[at : at + WINDOW], minlength=tokenizer.vocab_size)
    spelled = int(counts[len(tokenizer.pieces)]) if isinstance(tokenizer, WordTokenizer) else 0
    exact, lowered, missing = (int(counts[coverage.match == kind].sum()) for kind in (EXACT, LOWERED, MISSING))
    return Tally(exact, lowered, exact + lowered + missing + spelled)


def read_header(line: bytes) -> Header | None:
    """Two whole numbers and nothing else are a header."""
    fields = HEADER.fullmatch(line)
    return Header(int(fields[1]), int(fields[2])) if fields else None


def longest(size: int) -> int:
    """More bytes than a line of that many numbers has: whoever reads so many has no such line."""
    return 4096 + 64 * size


def split(line: bytes, size: int) -> tuple[str, bytes]:
    """The word of a line, and its `size` numbers, not yet read. Raises InputError with the reason where it has not.

    The word is what stands before the numbers, spaces included: glove.840B has `. . .` for one. A word whose last of
    several parts is a number is taken for a line with too many numbers.
    """
    if len(line) >= longest(size):
        raise InputError(f"longer than {longest(size)} bytes: give a text file of vectors")
    line = line.rstrip(b" \r\n")
    *words, numbers = _before(line, size)
    if not words or (b" " in words[0] and NUMBER.fullmatch(words[0].rsplit(b" ", 1)[1])):
        found = f"{line.count(b' ')} fields after the word, not {size}"
        raise InputError(f"{found}: use vectors as long as --embed-size, in text with single spaces")
    try:
        word = words[0].decode()
    except UnicodeDecodeError as error:
        bad = words[0][error.start]
        raise InputError(f"not UTF-8 (byte 0x{bad:02x}): convert with 'iconv -c -f UTF-8 -t UTF-8'") from None
    if not word:
        raise InputError("no word before the numbers: take the line away")
    return word, numbers


def _before(line: bytes, size: int) -> list[bytes]:
    """What stands before the last `size` fields, and they; the line alone where it has no more than those."""
    if line.count(b" ") == size:  # nearly always: much faster than from the right
        return line.split(b" ", 1)
    parts = line.rsplit(b" ", size)
    return [parts[0], b" ".join(parts[1:])] if len(parts) == size + 1 else [line]


def may_be_numbers(fields: bytes) -> bool:
    """Whether no character speaks against it: enough for a line that nobody needs, and many times as fast."""
    return not fields.translate(None, CHARACTERS)


def read_numbers(fields: bytes) -> Float32[np.ndarray, "E"]:
    """The numbers of a line. Raises InputError with the reason where one is none, or is not finite in float32."""
    parts = fields.split(b" ")
    try:
        numbers = [] if b"_" in fields else [float(part) for part in parts]  # Python reads 1_000, no other reader does
    except ValueError:
        numbers = []
    if not numbers:
        bad = next(part for part in parts if not NUMBER.fullmatch(part))
        raise InputError(f"{_shown(bad)} is not a number: take the line away")
    with np.errstate(over="ignore"):
        vector = np.array(numbers).astype(np.float32)
    infinite = np.flatnonzero(~np.isfinite(vector))
    if len(infinite):
        raise InputError(f"{_shown(parts[infinite[0]])} is not finite: take the line away")
    return vector


def _shown(field: bytes) -> str:
    return repr(field[:20].decode(errors="replace"))
