"""Closing brackets and quotes: the probability of the right one where it stands, against the distance to its opener.

After Karpathy, Johnson and Li (2015), "Visualizing and Understanding Recurrent Networks", section 4.2. What is asked
of every tokenisation is the same: how probable is this character, given all characters before it? A token may hold
the closer in its middle (`.”`), and where a closer begins a token, what is before it need not have been a whole one
(`(the dog)` might have gone on `(the dogs`). So both are summed over the vocabulary, from the last place where the
characters alone say that a token begins: all tokens that begin with what is written since then, and among them those
that go on with the closer. Left out are other spellings of the same characters, which a tokenizer never writes, and
that a word which is spelled might not have been.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64

from experiments.measures.columns import after, column, nats_of
from experiments.measures.reader import Reader
from experiments.measures.vocabulary import Vocabulary, token_starts, vocabulary_of

PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”"}
"""‘ and ’ are not among them: ’ is an apostrophe, too."""
QUOTES = ('"', "”")
BINS = (1, 8, 32, 128, 512, 2000)
"""Characters from opener to closer: borders of bins, each without its upper one except the last."""
CONTEXT = 2048
"""The characters that a model reads before the closer: more than the largest distance."""


class Closer(NamedTuple):
    """A closing bracket or quote."""

    at: int
    """The character of the text that it is."""
    distance: int
    """Characters from its opener to it: 1 where they are side by side."""


def find_closers(text: str, most: int = 200) -> list[Closer]:
    """Those that close something at most `BINS[-1]` characters before, in the order of the text.

    Of each bin of distances `most` or fewer, spread over the text. A quote closes within its paragraph. Straight
    quotes open and close by turns; a paragraph with an odd number of them is left out. So is a closer that begins a
    line.
    """
    closers = [*_brackets(text), *_straight_quotes(text)]
    kept: list[Closer] = []
    for low, high in _bins():
        inside = sorted(c for c in closers if low <= c.distance < high and text[c.at - 1] != "\n")
        kept += [inside[i] for i in np.unique(np.linspace(0, len(inside) - 1, min(most, len(inside))).astype(int))]
    return sorted(kept)


def _bins() -> list[tuple[int, int]]:
    return list(zip(BINS[:-1], (*BINS[1:-1], BINS[-1] + 1), strict=True))


def _paragraphs(text: str) -> list[tuple[int, int]]:
    """Where each begins and ends: at blank lines or, where there are none, at line breaks."""
    border = re.compile("\n\n" if "\n\n" in text else "\n")
    borders = [0, *(found.end() for found in border.finditer(text)), len(text)]
    return list(zip(borders[:-1], borders[1:], strict=True))


def _brackets(text: str) -> list[Closer]:
    """Each closes the last of its kind that is open."""
    closers = []
    paragraph_of = np.array([begin for begin, _ in _paragraphs(text)])
    for opener, closer in PAIRS.items():
        opened: list[int] = []
        for found in re.finditer(f"[{re.escape(opener + closer)}]", text):
            at = found.start()
            if found.group() == opener:
                opened.append(at)
            elif opened:
                begun = opened.pop()
                same = np.searchsorted(paragraph_of, begun, "right") == np.searchsorted(paragraph_of, at, "right")
                if same or closer not in QUOTES:
                    closers.append(Closer(at, at - begun))
    return closers


def _straight_quotes(text: str) -> list[Closer]:
    closers = []
    for begin, end in _paragraphs(text):
        quotes = [begin + found.start() for found in re.finditer('"', text[begin:end])]
        if len(quotes) % 2 == 0:
            closers += [Closer(at, at - opened) for opened, at in zip(quotes[::2], quotes[1::2], strict=True)]
    return closers


class _Place(NamedTuple):
    """A closer among the tokens of a text."""

    closer: str
    window: int
    """The first token that the model reads."""
    begun: int
    """The token before which the characters say that one begins."""
    written: str
    """The characters since then."""
    token: int
    """The token that has the closer: the one begun, or one behind it."""
    end: int
    """Behind the closer, where several tokens spell it; else `token`."""


def closer_probabilities(reader: Reader, text: str, closers: Sequence[Closer]) -> Float64[np.ndarray, "C"]:
    """How probable each is, given up to `CONTEXT` characters before it."""
    tokenizer, vocabulary = reader.tokenizer, vocabulary_of(reader.tokenizer)
    ids = tokenizer.encode(text)
    starts = token_starts(tokenizer, ids)
    places = [_place(reader, vocabulary, text, ids, starts, closer.at) for closer in closers]
    ends = [n for n, place in enumerate(places) if place.begun < place.token == place.end]
    asked = [(place.window, place.begun, place.written, place.closer) for place in places]
    asked += [(places[n].window, places[n].token, "", places[n].closer) for n in ends]
    sums = _sums(reader, vocabulary, ids, asked)
    then = np.ones(len(places))  # the closer begins the next token
    then[ends] = sums[len(places) :, 1]
    written, closed = sums[: len(places)].T
    # Where nothing is written since, but the token that comes has no text: no tokenizer writes the closer in its place.
    closed = closed * np.array([bool(place.written) or place.begun == place.token for place in places])
    return (closed + _path_probabilities(reader, ids, places) * then) / written


def _place(
    reader: Reader, vocabulary: Vocabulary, text: str, ids: Int32[np.ndarray, "N"], starts: Int64[np.ndarray, "N"], at: int
) -> _Place:
    window = int(np.searchsorted(starts, at - CONTEXT))
    begun, token = (int(i) - 1 for i in np.searchsorted(starts, [at - 1, at], "right"))
    own = reader.tokenizer.decode(ids[begun : begun + 1])
    written = text[starts[begun] : at]
    if not vocabulary.beginning_with(written).size and own.startswith(written):
        written = " " + written  # a word of a closed vocabulary at the beginning of a line, where no space is before it
    candidates = vocabulary.beginning_with(written)
    if begun < token and ids[begun] not in candidates:
        begun, written = token, ""  # a part of a character: what is before the closer is over
    elif begun < token and len(candidates) == 1:
        begun, written = begun + 1, ""
    end = token
    if text[at] not in reader.tokenizer.decode(ids[token : token + 1]):
        end = next(n for n in range(token, len(ids) + 1) if reader.tokenizer.decode(ids[token:n]) == text[at])
    return _Place(text[at], window, begun, written, token, end)


def _sums(
    reader: Reader, vocabulary: Vocabulary, ids: Int32[np.ndarray, "N"], asked: Sequence[tuple[int, int, str, str]]
) -> Float64[np.ndarray, "A 2"]:
    """For each window, token, characters and closer: that the token begins with them, and with them and the closer."""
    start_id = reader.tokenizer.start_id
    inputs = [column(ids, start_id, window, token, token + 1).inputs for window, token, _, _ in asked]
    sums = np.zeros((len(asked), 2))
    for n, row in after(reader, inputs):
        _, _, written, closer = asked[n]
        sums[n] = [vocabulary.probability(row, beginning) for beginning in (written, written + closer)]
    return sums


def _path_probabilities(
    reader: Reader, ids: Int32[np.ndarray, "N"], places: Sequence[_Place]
) -> Float64[np.ndarray, "C"]:
    """Of the tokens from the one begun up to the closer; 0 where it is inside that token."""
    probabilities = np.zeros(len(places))
    some = [n for n, place in enumerate(places) if place.begun < place.end]
    read = [column(ids, reader.tokenizer.start_id, places[n].window, places[n].begun, places[n].end) for n in some]
    for n, nats in zip(some, nats_of(reader, read), strict=True):
        probabilities[n] = np.exp(-nats[places[n].begun - places[n].end :].sum(dtype=np.float64))
    return probabilities


class Bin(NamedTuple):
    """Closers of about one distance."""

    low: int
    high: int
    """Characters to the opener, `low <= distance < high`; the last bin has its border, too."""
    probabilities: Float64[np.ndarray, "n"]


def by_distance(closers: Sequence[Closer], probabilities: Float64[np.ndarray, "C"]) -> list[Bin]:
    """The bins that have a closer."""
    distances = np.array([closer.distance for closer in closers], np.int64)
    inside = [(low, high, (distances >= low) & (distances < high)) for low, high in _bins()]
    return [Bin(low, min(high, BINS[-1]), probabilities[here]) for low, high, here in inside if here.any()]
