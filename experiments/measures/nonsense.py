"""Nonsense words: the share of a model's words that nobody wrote, beside the same share of text that people did.

A word is a run of letters, apostrophes inside allowed, in lower case. It counts as invented when it is neither in
the corpus, all three splits of it, nor in a dictionary; 's makes no other word. People write words, names above all,
that are in neither, too: the floor is the rate of the held-out documents, each judged, as a sample is, against all
other texts: the corpus without that document, and the dictionary.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from charrnn_jax.text.words import alphabetic_words
from experiments.measures.novelty import Phrases, novelty, phrases
from experiments.measures.statistics import estimate, ratio

LISTED = 20
CUT_WORD = re.compile(r"\S+\Z")


class Known(NamedTuple):
    """What a word, or a phrase, is looked for in."""

    dictionary: Set[str]
    texts_with: Counter[str]
    """How many texts of the corpus have the word: the training text, the validation text, each held-out document."""
    training: Phrases


class Nonsense(NamedTuple):
    """What was found in some texts. The rate and its 95 % interval are None where there are no words."""

    rate: float | None
    low: float | None
    high: float | None
    words: int
    inventions: list[tuple[str, int]]
    """The most frequent, with their counts."""
    novelty: dict[str, float | None]
    """By n, the share of word n-grams that the training text does not have."""
    raw: dict[str, list[list[int]]] | None
    """Of each text of each seed, the invented words (numerators) and all words (denominators)."""


def known_words(dictionary: Set[str], train: str, valid: str | None, documents: Iterable[str]) -> Known:
    """From the corpus, its held-out text as documents. `valid` is None where it repeats the held-out text."""
    words = [_words(text) for text in (train, *([] if valid is None else [valid]), *documents)]
    return Known(dictionary, Counter(chain.from_iterable(map(set, words))), phrases(words[0]))


def nonsense_in_samples(samples: Sequence[Sequence[str]], known: Known, rng: np.random.Generator) -> Nonsense:
    """Of the samples of each seed, as many of each. A sample ends anywhere: its last word, cut or not, is left out."""
    whole = [[CUT_WORD.sub("", sample) for sample in of_seed] for of_seed in samples]
    return _measure(whole, known, lambda word: not known.texts_with[word], rng)


def nonsense_in_documents(documents: Sequence[str], known: Known, rng: np.random.Generator) -> Nonsense:
    """The floor: of the held-out documents that `known` was made with. A word's own document does not count for it."""
    return _measure([documents], known, lambda word: known.texts_with[word] < 2, rng)


def _measure(
    texts: Sequence[Sequence[str]], known: Known, missing: Callable[[str], bool], rng: np.random.Generator
) -> Nonsense:
    words = [[_words(text) for text in of_seed] for of_seed in texts]
    invented = [
        [[word for word in of_text if missing(word) and word not in known.dictionary] for of_text in of_seed]
        for of_seed in words
    ]
    raw = {"numerators": _lengths(invented), "denominators": _lengths(words)}
    total = sum(map(sum, raw["denominators"]))
    rate = estimate(ratio(**raw), rng) if total else (None, None, None)
    listed = Counter(chain.from_iterable(chain.from_iterable(invented))).most_common(LISTED)
    new = novelty(chain.from_iterable(words), known.training)
    return Nonsense(*rate, total, listed, new, raw if total else None)


def _words(text: str) -> list[str]:
    """With one kind of apostrophe and without the 's of a possessive."""
    return [word.replace("’", "'").removesuffix("'s") for word in alphabetic_words(text)]


def _lengths(parts: Sequence[Sequence[Sequence[Any]]]) -> list[list[int]]:
    return [list(map(len, of_seed)) for of_seed in parts]
