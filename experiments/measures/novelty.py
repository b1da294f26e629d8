"""Is it written, or copied? The share of word n-grams that are nowhere in the training text.

After McCoy et al. 2023, How much do language models copy from their training data? (TACL 11:652-670): a sample is
set beside held-out text, which is as new as text of its kind is. Less novel than that means copied; more, at small n,
means made up. The n go from 1, where novelty is that of words, to 6: by then held-out text is nearly all new, so that
whatever is not was copied or is a set phrase. Words are those of `alphabetic_words`: punctuation is not looked at.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

LONGEST = 6


class Phrases(NamedTuple):
    """The word n-grams of a text, n from 1 to 6."""

    id_of: dict[str, int]
    """Each word's, from zero up."""
    longer: tuple[Int64[np.ndarray, "P"], ...]
    """For n from 2 up, sorted: each n-gram's `rank of its first n - 1 words * V + id of its last`."""


def phrases(words: Sequence[str]) -> Phrases:
    """Those of a text's words in order."""
    id_of = {word: i for i, word in enumerate(dict.fromkeys(words))}
    ids = np.array([id_of[word] for word in words], np.int64)
    ranks, longer = ids, []
    for _ in range(2, LONGEST + 1):
        ids = ids[1:]
        keys, ranks = np.unique(ranks[: len(ids)] * len(id_of) + ids, return_inverse=True)
        longer.append(keys)
    return Phrases(id_of, tuple(longer))


def novelty(texts: Iterable[Sequence[str]], known: Phrases) -> dict[str, float | None]:
    """By n, the share of the n-grams of all texts, given as their words, that are not known; None if there are none."""
    new = [_new(words, known) for words in texts]
    return {str(n + 1): _share([of_text[n] for of_text in new]) for n in range(LONGEST)}


def _new(words: Sequence[str], known: Phrases) -> list[np.ndarray]:
    """For each n, which of the n-grams are new: those whose first n - 1 words are, and some more."""
    ids = np.array([known.id_of.get(word, -1) for word in words], np.int64)
    ranks = ids  # -1 where it is new
    found = [ranks < 0]
    for keys in known.longer:
        ids, ranks = ids[1:], ranks[: len(ids) - 1]
        ranks = _rank(keys, np.where((ranks < 0) | (ids < 0), -1, ranks * len(known.id_of) + ids))
        found.append(ranks < 0)
    return found


def _rank(keys: Int64[np.ndarray, "P"], wanted: Int64[np.ndarray, "N"]) -> Int64[np.ndarray, "N"]:
    """Where each is among the sorted keys; -1 where it is not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _share(new: list[np.ndarray]) -> float | None:
    total = sum(map(len, new))
    return sum(int(some.sum()) for some in new) / total if total else None
