"""A controlled language: sentences in which a closing word depends on an opening one, so many words before.

A sentence is an opening word out of eight, words without meaning, the closing word that belongs to the opening one,
and a full stop: `mabo ti ruse kelo do sahu .` The same strings are read by characters and by words, so that one
distance has two measures, and nothing but the unit is different. A model is right where the string with the right
closing word, and a space behind it, is the most probable of the eight. Chance is one in eight.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from experiments.measures.reader import Reader
from experiments.measures.whole_strings import nats_before_space

CLASSES = 8
FILLERS = 64
DISTANCES = (1, 2, 4, 8, 16, 32, 64)
"""Words from the opening word to the closing one: 1 where they are side by side."""
CONSONANTS, VOWELS = "bdfghklmnprstvz", "aeiou"


class Language(NamedTuple):
    """Its words, all different. Those of a class are at one place in `openers` and `closers`."""

    openers: list[str]
    closers: list[str]
    fillers: list[str]


class Item(NamedTuple):
    """A sentence up to its closing word."""

    distance: int
    """In words, from opening word to closing word."""
    chars: int
    """In characters, from the beginning of the one to the beginning of the other."""
    start: str
    """With the space before the closing word."""
    opener: int
    """The class that the closing word should have."""


def language_of(rng: np.random.Generator) -> Language:
    """Words of 2 to 7 letters; opening and closing words have 4, so that none is known by its length."""
    fixed = _words(rng, 2 * CLASSES, (4,), set())
    return Language(fixed[:CLASSES], fixed[CLASSES:], _words(rng, FILLERS, (2, 3, 4, 5, 6, 7), set(fixed)))


def _words(rng: np.random.Generator, count: int, lengths: Sequence[int], taken: set[str]) -> list[str]:
    words: list[str] = []
    while len(words) < count:
        length = lengths[len(words) % len(lengths)]
        word = "".join(str(rng.choice(list(VOWELS if i % 2 else CONSONANTS))) for i in range(length))
        if word not in taken:
            taken.add(word)
            words.append(word)
    return words


def choose_items(language: Language, rng: np.random.Generator, count: int = 200) -> list[Item]:
    """`count` sentences of each distance, of every class equally many or one more."""
    return [_item(language, rng, distance, n % CLASSES) for distance in DISTANCES for n in range(count)]


def _item(language: Language, rng: np.random.Generator, distance: int, opener: int) -> Item:
    between = [language.fillers[i] for i in rng.integers(len(language.fillers), size=distance - 1).tolist()]
    start = " ".join([language.openers[opener], *between]) + " "
    return Item(distance, len(start), start, opener)


def sentences(language: Language, rng: np.random.Generator, chars: int) -> str:
    """Lines of one sentence each, of distances and classes drawn evenly; `chars` characters or a few more."""
    lines: list[str] = []
    written = 0
    while written < chars:
        distance, opener = DISTANCES[int(rng.integers(len(DISTANCES)))], int(rng.integers(CLASSES))
        lines.append(f"{_item(language, rng, distance, opener).start}{language.closers[opener]} .\n")
        written += len(lines[-1])
    return "".join(lines)


def recalled(reader: Reader, language: Language, items: Sequence[Item]) -> Bool[np.ndarray, "I"]:
    """Whether the closing word of the right class is the most probable one, for each item."""
    strings = [item.start + closer for item in items for closer in language.closers]
    chosen = nats_before_space(reader, strings).reshape(len(items), CLASSES).argmin(axis=1)
    return chosen == np.array([item.opener for item in items])
